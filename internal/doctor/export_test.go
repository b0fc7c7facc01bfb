package doctor

// Listening is listening.
var Listening = listening
