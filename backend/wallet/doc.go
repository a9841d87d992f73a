// Package wallet knows Ethereum addresses and checks that a wallet signed a
// message. It holds no keys and asks nobody: everything is computed here.
//
//	addr, err := wallet.Parse("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
//	sig, err := wallet.ParseSignature(body.Signature)
//	who, err := wallet.Recover([]byte(challenge), sig)
//	if err != nil || who != addr { … refuse … }
//
// # Addresses
//
// An Address is 20 bytes and is compared with ==. Its one text form, on the wire
// and in the database, is String: 0x and 40 lower-case hex digits. Checksum
// gives the mixed-case form of EIP-55, for people and for EIP-4361 texts. Parse
// takes any letter case and does not check EIP-55, because clients send what
// their wallet library prints.
//
// # Signatures
//
// Recover takes what wallets return from personal_sign (EIP-191, version 0x45):
//
//	digest = keccak256("\x19Ethereum Signed Message:\n" ‖ decimal length ‖ message)
//	65 bytes: r (32) ‖ s (32) ‖ v (1)       v is 0, 1, 27 or 28
//	64 bytes: r (32) ‖ parity (1 bit) ‖ s (255 bits)   EIP-2098
//
// Each (r, s) has a twin (r, n-s) that anybody can compute; only the one with s in
// the lower half is accepted, so a signature has one form per parity encoding.
// r and s must lie in [1, n-1]. Whatever is wrong, the error is ErrSignature.
//
// A recovered address proves nothing by itself: nearly every (message, signature)
// pair recovers to some address. Compare it with the one that was claimed.
package wallet
