// What the scripts in this folder share: named arguments and one JSON line of output at a time.
'use strict'

// named turns `--host 127.0.0.1 --port 6080` into {host: '127.0.0.1', port: '6080'}.
function named () {
  const out = {}
  const words = process.argv.slice(2)
  for (let i = 0; i < words.length; i += 2) {
    if (!words[i].startsWith('--') || words[i + 1] === undefined) {
      throw new Error(`expected --name value, got ${words[i]}`)
    }
    out[words[i].slice(2)] = words[i + 1]
  }
  return out
}

// say writes one event, e.g. {"event":"message","message":{…}}, as one line on stdout.
function say (event, more) {
  process.stdout.write(JSON.stringify({ event, ...more }) + '\n')
}

// fail says why and ends the process with code 1.
function fail (where, error) {
  say('failed', { where, error: String((error && error.message) || error), type: error && error.type })
  process.exit(1)
}

module.exports = { named, say, fail }
