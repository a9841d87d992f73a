package activeproxy

import "errors"

var (
	// ErrProtocol: the other side sent what the protocol does not allow.
	ErrProtocol = errors.New("activeproxy: protocol error")
	// ErrLost: the connection to the other side is gone, and what it carried with it.
	ErrLost = errors.New("activeproxy: connection lost")

	// Of Client.Run.

	// ErrUnreachable: no connection to the relay came about.
	ErrUnreachable = errors.New("activeproxy: relay unreachable")
	// ErrRefused: the relay closed the connection in answer to AUTH. Active Proxy
	// gives no reasons; an unknown device is the likely one.
	ErrRefused = errors.New("activeproxy: relay refused the device")
	// ErrImpostor: what answers does not have the key of the relay.
	ErrImpostor = errors.New("activeproxy: not the relay's key")
	// ErrRunning: Run is already running.
	ErrRunning = errors.New("activeproxy: already running")

	// Of Server.DialDevice.

	// ErrOffline: the device has no session.
	ErrOffline = errors.New("activeproxy: device offline")
	// ErrBusy: too many wait for a connection of the device.
	ErrBusy = errors.New("activeproxy: device busy")
	// ErrDeclined: the device does not take the connection.
	ErrDeclined = errors.New("activeproxy: device declined")
)

// Why a server ends a connection; for logs.
var (
	errReplaced  = errors.New("the device made a new session")
	errStopped   = errors.New("the server stops")
	errEnded     = errors.New("the session was ended")
	errQuiet     = errors.New("nothing heard for too long")
	errHung      = errors.New("no answer in time")
	errSurplus   = errors.New("not needed any more")
	errSignature = errors.New("bad signature")
	errRefused   = errors.New("refused")
)
