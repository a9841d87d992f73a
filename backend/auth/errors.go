package auth

import "pc2/backend/fault"

// The field "error" is there where the API's answer has a short error beside
// its message.
var (
	ErrTokenMissing = fault.New(fault.Unauthenticated, "token_missing", "No token provided").With("error", "Authentication required")
	ErrTokenUnknown = fault.New(fault.Unauthenticated, "token_auth_failed", "Invalid session token").With("error", "Authentication failed")

	// ErrExpired and ErrRevoked have one code, so errors.Is takes one for the
	// other; the field "reason" tells them apart.
	ErrExpired = fault.New(fault.Unauthenticated, "reauth_required", "Your session has expired. Sign in again.").With("reason", ReasonExpired)
	ErrRevoked = fault.New(fault.Unauthenticated, "reauth_required", "Your session was ended. Sign in again.").With("reason", ReasonRevoked)

	ErrSuspended = fault.New(fault.Denied, "account_suspended", "This wallet may no longer use this PC2.").With("error", "access_denied")

	// ErrAddress answers a missing address and one of bad form alike.
	ErrAddress           = fault.New(fault.Invalid, "field_missing", "Missing wallet address").With("key", "address")
	ErrSignatureRequired = fault.New(fault.Unauthenticated, "signature_required", "Sign the challenge of this PC2 with your wallet.").With("challenge_url", "/auth/challenge")
	ErrSignatureInvalid  = fault.New(fault.Unauthenticated, "signature_invalid", "Invalid wallet signature").With("error", "Authentication failed")
	ErrChallengeUnknown  = fault.New(fault.Unauthenticated, "challenge_unknown", "This challenge is unknown or was used already. Ask for a new one.")
	ErrChallengeExpired  = fault.New(fault.Unauthenticated, "challenge_expired", "This challenge has expired. Ask for a new one.")
	ErrChallengeMismatch = fault.New(fault.Unauthenticated, "challenge_mismatch", "What was signed is not the challenge of this PC2.")

	ErrAccessDenied  = fault.New(fault.Denied, "access_denied", "This wallet may not use this PC2. Ask its owner to add it.").With("error", "access_denied")
	ErrClaimRequired = fault.New(fault.Denied, "claim_required", "This PC2 has no owner yet. Enter its claim code to become the owner.").With("methods", []string{"claim_code"})
	errClaimWrong    = fault.New(fault.Denied, "claim_required", "This is not the claim code of this PC2.").With("methods", []string{"claim_code"})

	// ErrPhraseShown: somebody has read the phrase with this claim code before.
	ErrPhraseShown = fault.New(fault.Gone, "phrase_already_shown", "The recovery phrase was shown already. If it was not you who read it, do not use this PC2: set it up anew.")
	errOwned       = fault.New(fault.Denied, "forbidden", "This PC2 has an owner. Sign in as the owner.").With("required_role", string(Owner))
	errOwnerOnly   = fault.New(fault.Denied, "forbidden", "Only the owner may do this.").With("required_role", string(Owner))
	errAdminOnly   = fault.New(fault.Denied, "forbidden", "Only the owner and admins may do this.").With("required_role", string(Admin))

	errHost         = fault.New(fault.Misdirected, "host_not_allowed", "This PC2 does not answer to that name.")
	errOwnSession   = fault.New(fault.Invalid, "bad_request", "This is the session you are using. Sign out instead.")
	errNoSession    = fault.New(fault.NotFound, "not_found", "There is no such session.")
	errNoMember     = fault.New(fault.NotFound, "not_found", "This wallet is no member of this PC2.")
	errOwnerIsFixed = fault.New(fault.Conflict, "conflict", "This wallet is the owner.")
)

// invalid is the fault for a field of bad form.
func invalid(key, msg string) error {
	return fault.New(fault.Invalid, "field_invalid", msg).With("key", key)
}
