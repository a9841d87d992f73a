package api

import (
	"encoding/json"
	"strconv"

	"github.com/zishang520/socket.io/v3/pkg/types"

	"pc2/backend/files"
)

// frame is an event as it goes out, encoded once for however many sockets.
type frame struct {
	text string                // Socket.IO's packet, 2["name",payload]: polling wraps it
	ws   types.BufferInterface // the same as a message of Engine.IO, 42[…]: only ever read
}

func newFrame(name string, payload []byte) frame {
	b := make([]byte, 0, len(name)+len(payload)+7)
	b = append(b, `42["`...)
	b = append(b, name...)
	b = append(b, `",`...)
	b = append(b, payload...)
	b = append(b, ']')
	return frame{text: string(b[1:]), ws: types.NewStringBuffer(b)}
}

// say is a frame with small values, which always encode.
func say(name string, payload map[string]any) frame {
	b, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return newFrame(name, b)
}

var itemEvents = map[files.Op]string{
	files.Added: "item.added", files.Updated: "item.updated", files.Removed: "item.removed", files.Moved: "item.moved", files.Renamed: "item.renamed",
}

// itemFrame is a change as its event: the entry as the file routes answer it,
// and what the kind of event adds.
func itemFrame(c files.Changed, id uint64) frame {
	var b []byte
	if c.Op == files.Removed {
		b = append(b, `{"path":`...)
		b = appendText(b, c.Entry.Path.String())
		b = append(b, `,"uid":`...)
		b = appendText(b, c.Entry.UID)
		b = append(b, `,"descendants_only":`...)
		b = strconv.AppendBool(b, c.DescendantsOnly)
	} else {
		b = appendEntry(make([]byte, 0, 1200), &c.Entry)
		b = b[:len(b)-1] // its brace
	}
	switch c.Op {
	case files.Added:
		b = append(b, `,"from_new_service":true`...)
	case files.Moved, files.Renamed:
		b = append(b, `,"old_path":`...)
		b = appendText(b, c.OldPath.String())
	}
	b = append(b, `,"event_id":`...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, `,"original_client_socket_id":`...)
	b = appendOrigin(b, c.Origin)
	return newFrame(itemEvents[c.Op], append(b, '}'))
}

func cacheFrame(ms int64, origin string) frame {
	b := append([]byte(nil), `{"timestamp":`...)
	b = strconv.AppendInt(b, ms, 10)
	b = append(b, `,"original_client_socket_id":`...)
	b = appendOrigin(b, origin)
	return newFrame("cache.updated", append(b, '}'))
}

func appendOrigin(b []byte, origin string) []byte {
	if origin == "" {
		return append(b, "null"...)
	}
	return appendText(b, origin)
}
