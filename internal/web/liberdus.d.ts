// Types of liberdus.js, the browser module that every archiver serves beside this file.

/** Where a call failed on its way to a node and back. */
export type Hop = 'browser' | 'archiver' | 'signalling' | 'ice' | 'channel' | 'node'

/** What every failure is. Its message is one sentence for people. */
export class LiberdusError extends Error {
  hop: Hop
  /** The node it is about. */
  peer?: string
  /** The archiver it is about. */
  archiver?: string
  /** Of a transaction that was sent, and whose fate is not known. */
  txId?: string
  /** Of a quorum that was not reached: what each node said. */
  replies?: Reply[]
}

export interface Options {
  /** One or several, as URL or URL#PUBLICKEY. By default the one that served the module. The public
   *  key pins the archiver; without one, the key seen first is kept in localStorage and demanded. */
  archivers?: string | string[]
  /** How many sessions are kept open, with different nodes: one more than the quorum, so 2. */
  pool?: number
  /** The public key of the one node to talk to, instead of any that is on the list. */
  peer?: string
  /** Milliseconds in which a call has to settle: 10,000. An inject has twice as long. */
  timeout?: number
  /** How many nodes must give equal answers to a GET: 1. */
  quorum?: number
  /** For the browser's RTCPeerConnection, instead of those that the archiver names. */
  iceServers?: RTCIceServer[]
  /** Is called with all that happens. */
  onEvent?: (event: LiberdusEvent) => void
}

/** Connects. Resolves when the first node has proven its identity, rejects if none can be reached. The
 *  pool is then kept full until close: over lost nodes, sleep, and changes of network. */
export function connect (options?: Options): Promise<Client>

export interface Call {
  method?: string
  /** Any JSON, with BigInt for amounts. */
  body?: unknown
  timeout?: number
  signal?: AbortSignal
  /** Ask this node, over a session of its own if there is none. */
  peer?: string
}

export interface Reply {
  /** As over HTTP. */
  status: number
  /** As parse reads it, with amounts as BigInt. */
  body: any
  /** Of a body that is no JSON, but a string. */
  contentType?: string
  /** The public key of the node that answered. */
  peer: string
  /** From sending to the reply. */
  ms: number
}

export interface Injected {
  /** Accepted, and on the node's disk. The receipt says whether it was applied: transaction/<txId>. */
  success: boolean
  reason: string
  status: number
  txId?: string
  peer: string
}

export interface Node {
  id: string
  ip: string
  port: number
  publicKey: string
  peerId: string
}

export interface Session {
  peer: string
  /** Round trip of requests, in ms, newer ones counting more. */
  rtt: number
  /** How long each step of connecting took, in ms. */
  phases: Partial<Record<Phase, number>>
  /** Unknown in the first moment. */
  path?: 'udp' | 'tcp'
}

export interface Change {
  account: string
  /** Milliseconds; what the account itself says. */
  timestamp: number
  /** Of a user: that of the newest incoming chat. */
  chatTimestamp: number
  /** Grows with every state. */
  seq: number
}

export interface Client {
  /** Asks for a path of a node's API, such as 'account/<id>'. A GET goes to another node as well when
   *  one is slow, and once more when one is lost; other methods are sent once. Resolves with whatever
   *  status comes. Of 'messages/<chat>/<timestamp>' all are put together that take several replies. */
  request (url: string, call?: Call): Promise<Reply>
  /** The same, looking like the browser's fetch. Of a URL, path and query count. */
  fetch (url: string | URL, init?: Call): Promise<Response>
  /** Sends a signed transaction, or its text as signed. If a node says nothing, or that it is not ready,
   *  others get the same bytes; the network takes it once. Resolves also when it is refused. Rejects if
   *  it is not known whether it was taken. */
  inject (tx: object | string, options?: { timeout?: number }): Promise<Injected>
  /** An account with amounts as BigInt; null if there is none of that id. */
  account (id: string, call?: Call): Promise<{ id: string, account: any, peer: string }>
  /** Calls back when the account is in another state, also over lost nodes; with since, the seq of an
   *  event or the timestamp of the account as read, at once if it is already. What it tells may come
   *  twice and is never missed. Resolves, when the first node watches, with what ends it. */
  subscribe (account: string, callback: (change: Change) => void, options?: { since?: number }): Promise<() => void>
  /** The active nodes on the archiver's verified list, which is fetched at most every 30 s. */
  nodes (): Promise<Node[]>
  /** The sessions that are open now. */
  sessions (): Promise<Session[]>
  /** Milliseconds there and back, to a node of the pool, or any that is on the list. */
  ping (peer?: string): Promise<number>
  /** Ends everything. Calls under way reject. */
  close (): void
}

/** The steps of connecting: the archiver's description of itself and its list (fetched at the same
 *  time), the signalling server's WebSocket, the node's proven answer, a way to it, the channel. */
export type Phase = 'archiver' | 'list' | 'signalling' | 'answer' | 'ice' | 'channel'

/** at is on the clock of performance.now(). */
export type LiberdusEvent = { at: number } & (
  /** A step began, is done, or failed after ms. */
  | { type: 'phase', phase: Phase, state: 'start' | 'done' | 'failed', ms: number, archiver?: string, peer?: string, error?: string }
  /** A session is open and in use. */
  | { type: 'session', state: 'open' } & Session
  /** A session has ended. Another one is opened. */
  | { type: 'session', state: 'lost', peer: string, error: string }
  /** A message as it travels, chunks put together. */
  | { type: 'frame', peer: string, out: boolean, text: string }
  /** Something that works, and should be mended. */
  | { type: 'warning', text: string }
)

/** The text of a value that is hashed and signed. */
export function canonical (value: unknown): string
/** Reads JSON as nodes do: {dataType: 'bi', value} becomes a BigInt. */
export function parse (text: string): any
/** The network's hash of a text: BLAKE2b-256 with the network's key, in hex. */
export function hash (text: string, key?: string): string
/** The id of a transaction, signed or not: what its sender signs. */
export function txId (tx: object): string
/** The Ed25519 public key that signed an object; rejects if the signature does not hold. */
export function verify (object: object): Promise<string>
