package conf

import "encoding/json"

// key is one configuration key: where its value goes and what it may be.
type key struct {
	name string // dotted; a trailing * stands for any last part
	def  string // JSON; "" = the zero value
	env  string // environment variable that overrides it
	set  setter
	each func(part string, raw json.RawMessage) error // of a name with *
}

func (k key) take(name string, raw json.RawMessage) error {
	if k.each != nil {
		return k.each(name[len(k.name)-1:], raw)
	}
	return k.set(raw)
}

// keys is the table (API specification §1.3). Where nothing takes the value, the
// feature is not in this program yet.
func (c *Config) keys() []key {
	c.Limits = map[string]int{}
	return []key{
		{name: "server.port", def: "4200", env: "PORT", set: integer(&c.Server.Port, 1, 65535)},
		{name: "server.host", set: text(&c.Server.Host, 255)},
		{name: "server.trusted_proxies", set: prefixes(&c.Server.TrustedProxies)},
		{name: "server.public_listen", set: parsed(&c.Server.PublicListen, parseListen)},
		{name: "server.port_mapping", def: "true", set: boolean(&c.Server.PortMapping)},
		{name: "server.public_url", set: origin(&c.Server.PublicURL)},
		{name: "server.allowed_origins", set: list(&c.Server.AllowedOrigins, parseOrigin)},
		{name: "server.allowed_hosts", set: list(&c.Server.AllowedHosts, parseHost)},
		{name: "server.name", def: `"PC2 Node"`, set: text(&c.Server.Name, 64)},
		{name: "owner.wallet_address", set: wallet(&c.Owner.Wallet)},
		{name: "owner.tethered_wallets", set: list(&c.Owner.Tethered, parseWallet)},
		{name: "security.session_duration_days", def: "7", set: integer(&c.Security.SessionDays, 1, 3650)},
		{name: "security.session_absolute_days", def: "90", set: integer(&c.Security.AbsoluteDays, 1, 3650)},
		{name: "security.keychain", def: `"auto"`, env: "PC2_KEYCHAIN", set: oneOfInto(&c.Security.Keychain, "auto", "off")},
		{name: "limits.*", each: limits(c.Limits)},
		{name: "auth.rpc_urls.*", each: urls},
		{name: "auth.challenge_ttl_s", def: "300", set: integer(&c.Auth.ChallengeTTL, 30, 3600)},
		{name: "auth.strict_whoami", set: boolean(&c.Auth.StrictWhoami)},
		{name: "storage.database_path", env: "DB_PATH", set: text(&c.Storage.DatabasePath, 4096)},
		{name: "storage.trash_days", set: integer(new(int), 0, 36500)},
		{name: "storage.max_versions", set: integer(new(int), 0, 1_000_000)},
		{name: "boson.enabled", set: boolean(new(bool))},
		{name: "boson.auto_connect", set: boolean(new(bool))},
		{name: "boson.privacy_mode", set: boolean(new(bool))},
		{name: "ai.enabled", set: boolean(new(bool))},
		{name: "ai.defaultProvider", set: text(new(string), 64)},
		{name: "ai.providers.ollama.*", each: provider},
		{name: "ai.providers.openai.*", each: provider},
		{name: "ai.providers.claude.*", each: provider},
		{name: "ai.providers.gemini.*", each: provider},
		{name: "ai.providers.xai.*", each: provider},
		{name: "resources.storage.limit", def: `"auto"`, set: limit(&c.Storage.Limit)},
		{name: "resources.storage.reserve_free_space", def: `"10GB"`, set: bytesize(&c.Storage.Reserve)},
		{name: "resources.compute.max_cpu_percent", set: integer(new(int), 1, 100)},
		{name: "resources.compute.max_memory_mb", set: or("auto", integer(new(int), 128, 1<<20))},
		{name: "resources.compute.max_concurrent_wasm", set: integer(new(int), 1, 32)},
		{name: "resources.compute.wasm_timeout_ms", set: integer(new(int), 1000, 300_000)},
		{name: "resources.network.max_upload_mbps", set: or("unlimited", positive)},
		{name: "resources.network.max_download_mbps", set: or("unlimited", positive)},
		{name: "resources.network.max_connections", set: integer(new(int), 1, 1_000_000)},
		{name: "ipfs.mode", set: oneOf("private", "public", "hybrid")},
		{name: "ipfs.enable_dht", set: boolean(new(bool))},
		{name: "ipfs.enable_bootstrap", set: boolean(new(bool))},
		{name: "ipfs.custom_bootstrap", set: list(new([]string), anyText)},
		{name: "terminal.isolation_mode", set: oneOf("none", "namespace", "disabled")},
		{name: "terminal.allow_insecure_fallback", set: boolean(new(bool))},
		{name: "terminal.max_terminals_per_user", set: integer(new(int), 0, 1000)},
		{name: "terminal.idle_timeout_minutes", set: integer(new(int), 1, 100_000)},
		{name: "update.channel", set: oneOf("stable", "beta", "off")},
		{name: "backup.schedule", set: text(new(string), 256)},
		{name: "backup.retain", set: integer(new(int), 1, 10_000)},
		{name: "compat.ui_trash_events", set: boolean(new(bool))},
	}
}
