package scheme

import "context"

// Register has nothing to do: the bundle's Info.plist says which links it opens.
func (s *Scheme) Register(context.Context) error { return nil }

// Remove has nothing to do: what is said in the bundle goes with it.
func (s *Scheme) Remove(context.Context) error { return nil }
