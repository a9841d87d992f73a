package api

import (
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/config"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// mute is the library's server, but for one thing: a WebSocket that ends in the
// middle of its handshake is closed without a last message.
//
// The library would write that message from the goroutine of the request, while
// the one of the transport may still be writing the first packet. The client has
// gone by then, or its time is over: there is nobody to read it.
type mute struct{ engine.Server }

func newMute(o config.ServerOptionsInterface) *mute {
	m := &mute{engine.MakeServer()}
	m.Prototype(m)
	m.Construct(o)
	return m
}

// Handshake answers without a transport only where none was begun.
func (m *mute) Handshake(name string, ctx *types.HttpContext) (*types.CodeMessage, transports.Transport) {
	why, t := m.Server.Handshake(name, ctx)
	if t != nil || ctx.Websocket == nil || why == engine.UNSUPPORTED_PROTOCOL_VERSION {
		return why, t
	}
	_ = ctx.Websocket.Close() // an error: it is closed already
	return nil, transports.MakeWebSocket()
}
