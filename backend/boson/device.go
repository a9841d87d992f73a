package boson

// DeviceKey is the key with which a node shows itself to one relay. A relay's
// client signs whatever challenge it is sent, so what a DeviceKey signs means
// nothing else, and a node's own Key, which signs names and records, is of
// another type that a relay's client does not take.
type DeviceKey struct {
	hidden
	key Key
}

// RelayDevice derives the device key of node k at the relay peer. Relays that
// compare their devices cannot tell that two of them are one node.
func (k Key) RelayDevice(peer ID) DeviceKey {
	seed := k.Seed()
	return DeviceKeyFromSeed(derive(seed[:], peer[:], "pc2 relay device v1"))
}

// DeviceKeyFromSeed is the device key of a device that is no node of ours.
func DeviceKeyFromSeed(seed Seed) DeviceKey { return DeviceKey{key: KeyFromSeed(seed)} }

// ID is the device Id.
func (d DeviceKey) ID() ID { return d.key.ID() }

// SignChallenge signs the raw bytes.
func (d DeviceKey) SignChallenge(challenge []byte) []byte { return d.key.Sign(challenge) }

// Box is the box between the device and the holder of id's key.
func (d DeviceKey) Box(id ID) (Box, error) { return d.key.Box(id) }
