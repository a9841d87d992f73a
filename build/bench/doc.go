//go:build linux

// Command bench measures a real pc2d beside nginx, in one run on one disk, and the
// roads that lead to a PC at home beside those of others.
//
//	make bench                    everything, about ten minutes
//	build/bench.sh -quick         one round of less data, to see that it works
//	build/bench.sh -only away     the roads alone
//
// What is compared is a store that encrypts, hashes, syncs and keeps books with
// a server that does none of it, so the ratio to nginx is the figure to watch:
// megabytes a second say more about the machine. nginx is the limit that HTTP,
// the kernel and this client set, not a rival.
//
// # How it measures
//
//   - Both servers are asked by the same client (client.go): blocking sockets, big
//     buffers, no goroutine between. Its CPU time is printed, to show that it is
//     not what is measured.
//   - The runs of the two servers alternate, and the ratio is the median of the
//     ratios of neighbours: what else the machine does meets both alike. How much
//     that was is printed too.
//   - CPU time is that of the server's processes, from /proc/PID/stat.
//   - The page cache is kept full (memory.go): on a virtual machine the first use of a
//     page costs a fault in the host, which makes any server several times slower.
//   - Every byte of the ranges, and of one download, is compared.
//
// # Roads
//
// A home that answers from memory (home.go) is asked over each road in turn, in the
// same round, so that only the road differs:
//
//	relay     client → pc2super's relay → home            the relay's mapped port
//	by name   client → pc2super's gateway, relay → home   HTTP/2 between, and the preface
//	nginx     client → nginx → TLS 1.3 → nginx → home
//	ssh -R    client → sshd → ssh → home                  where there is an sshd
//	plain     client → a program that copies → home       no encryption: the floor
//
// All processes of a road count, and the home; for relay and by name the device's end
// of the relay is in the home. The client is not counted, and its CPU time shown.
// "By name" among the files, above, is another thing: pc2d whole, with its store, beside
// files of nginx over two hops.
package main
