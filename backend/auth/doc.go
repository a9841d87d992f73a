// Package auth decides who may come in: it issues texts to sign, verifies
// signatures, gives the node its owner, and keeps the sessions. It knows no
// HTTP; package api carries what comes and goes.
//
//	desk, err := auth.New(ctx, auth.Config{DB: db, Node: key.ID(), NodeName: "alice", AcceptHost: hosts.Accept, Bus: bus})
//	go desk.Run(ctx)
//	fmt.Println(desk.ClaimCode().Reveal()) // "" once there is an owner
//
//	c, err := desk.Challenge(ctx, auth.ChallengeRequest{Address: &w, Host: "localhost:4200", Origin: "http://localhost:4200", IP: ip})
//	// the wallet signs c.Message
//	l, err := desk.Login(ctx, auth.LoginRequest{Address: &w, Message: c.Message, Signature: sig, ClaimCode: code, Host: "localhost:4200", IP: ip})
//	p, err := desk.Authenticate(ctx, l.Token.Reveal(), ip, userAgent)
//
// # Challenges
//
// A challenge is an EIP-4361 text that names this node, the host that the
// browser used, a wallet and a purpose. It lives in memory for five minutes and
// is gone after the first attempt, right or wrong. A message is never parsed:
// it must be the issued text byte for byte, so everything in it (host, wallet,
// chain, purpose) is as the node wrote it. A signature for one purpose never
// serves another.
//
// # Ownership
//
// While there is no owner, the process has a claim code, and the verified
// wallet that brings it becomes the owner; of two at once exactly one does.
// A loopback connection proves nothing. Wrong codes are limited for each
// visitor, never for all: nobody can keep the owner out. Configuration may pin
// the owner, and there is no code then.
//
// The recovery phrase may be read once with the claim code (PhraseByClaim; a
// second reader gets 410 phrase_already_shown), and later by the owner with a
// fresh signature (PhraseByOwner). The phrase itself never comes here.
//
// # Sessions
//
// A token is 32 random bytes; only its SHA-256 is stored. A session ends after
// some days without a request and at the latest after some more. Its activity
// is written at most once in five minutes, and who it belongs to is cached, so
// that an authenticated request usually touches no disk. What ends a session,
// or changes what its wallet may do, takes effect before it is answered, and is
// told as SessionEnded. Ended sessions are kept for thirty days, so that their
// clients learn why.
//
// # Audit
//
// What is done here is written down in the transaction that does it, each row
// with the hash of the row before; see Audit.
//
// Failures are faults. Those of a wrong signature or challenge are for the
// caller to count.
package auth
