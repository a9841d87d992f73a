// Package conf reads the node's configuration: built-in defaults, then
// config.json, then the environment. Flags come last and are the caller's.
//
//	cfg, warnings, err := conf.Load(path, os.LookupEnv)
//
// config.json is nested JSON: {"server":{"port":4200}} sets server.port. A file
// that is missing is an empty one. Unknown keys are kept and reported as
// warnings; invalid values are all collected into one error, a line each, and
// the node does not start.
//
// keys.go is the table of every key that exists: its type, its default, its
// limits. A key whose feature this program does not have yet is still checked,
// so that a file stays valid when the feature comes.
package conf
