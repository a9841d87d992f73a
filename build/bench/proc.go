//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// userHZ is the unit of the CPU times in /proc, on every Linux there is.
const userHZ = 100

// cpuOf is the CPU time that processes have used, their ended children included.
func cpuOf(pids []int) (time.Duration, error) {
	var ticks int64
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		n, err := statTicks(string(b))
		if err != nil {
			return 0, fmt.Errorf("stat of %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / userHZ), nil
}

// statTicks sums utime, stime, cutime and cstime of a line of /proc/PID/stat.
func statTicks(line string) (int64, error) {
	_, after, ok := strings.Cut(line[strings.LastIndexByte(line, ')')+1:], " ") // the name may hold anything
	f := strings.Fields(after)
	if !ok || len(f) < 15 {
		return 0, fmt.Errorf("%d fields", len(f))
	}
	var sum int64
	for _, s := range f[11:15] {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// ownCPU is the CPU time of this process: the client.
func ownCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// machineCPU is the CPU time that everything on the machine has used.
func machineCPU() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var ticks int64
	for i, s := range f[1:9] { // user nice system idle iowait irq softirq steal
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, err
		}
		if i != 3 && i != 4 && i != 7 {
			ticks += n
		}
	}
	return time.Duration(ticks) * (time.Second / userHZ), nil
}

// memoryOf is a size from /proc/PID/status, in MiB: VmRSS, VmHWM, RssAnon.
func memoryOf(pids []int, field string) (float64, error) {
	sum := 0.0
	for _, pid := range pids {
		kb, err := kilobytes(fmt.Sprintf("/proc/%d/status", pid), field)
		if err != nil {
			return 0, err
		}
		sum += kb / 1024
	}
	return sum, nil
}

// kilobytes reads "field: 123 kB" from a file of /proc.
func kilobytes(file, field string) (float64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, field)
}

// forgetPeak sets VmHWM back to what is resident now.
func forgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// meter measures what a piece of work costs whom.
type meter struct {
	pids                    []int
	began                   time.Time
	server, client, machine time.Duration
}

// cost is what a meter has measured.
type cost struct {
	Wall   time.Duration
	Server time.Duration // CPU time of the server
	Client time.Duration // of the client
	Others time.Duration // of everything else on the machine
}

func startMeter(pids []int) (*meter, error) {
	server, err := cpuOf(pids)
	if err != nil {
		return nil, err
	}
	machine, err := machineCPU()
	if err != nil {
		return nil, err
	}
	return &meter{pids, time.Now(), server, ownCPU(), machine}, nil
}

func (m *meter) stop() (cost, error) {
	c := cost{Wall: time.Since(m.began), Client: ownCPU() - m.client}
	server, err := cpuOf(m.pids)
	if err != nil {
		return c, err
	}
	machine, err := machineCPU()
	if err != nil {
		return c, err
	}
	c.Server = server - m.server
	c.Others = max(0, machine-m.machine-c.Server-c.Client)
	return c, nil
}
