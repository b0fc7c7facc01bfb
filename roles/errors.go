package roles

import "github.com/liberdus/liberdus/roles/client"

// A UsageError is a mistake in what the user gave: flags, files, settings.
type UsageError = client.UsageError
