package signing

// PersonalDigest is the hash that a [UserKey] signs for a transaction id.
var PersonalDigest = personalDigest

// MaxDepth and MaxNumber are the limits of the parser.
const (
	MaxDepth  = maxDepth
	MaxNumber = maxNumber
)

// ParseKey reads the text of a key file.
var ParseKey = parseKey
