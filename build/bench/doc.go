//go:build linux

// Command bench measures a real pc2d beside nginx, in one run on one disk.
//
//	make bench              everything, about four minutes
//	build/bench.sh -quick   one round of less data, to see that it works
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
package main
