package rpc

// DecodeRequest is what Serve reads a message with.
var DecodeRequest = decodeRequest
