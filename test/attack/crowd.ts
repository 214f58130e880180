/** Three thousand peers nobody has heard of, at addresses where only canaries are: loopback, private and global ones. */
import type { Chance } from '../../fuzz/random.ts'
import { type Contact, MAX_CLOSER } from '../../src/dht/frames.ts'
import { peerInfo } from './protobuf.ts'

export const CANARY_PORT = 7001
/** Where the canaries of the victim's own machine are, beside 127.0.0.0/8, and those of another one. */
export const PRIVATE_CANARIES = '10.0.0.0/8'
export const GLOBAL_CANARIES = '64.0.0.0/8'
export const CROWD = 3000
/** What identify may carry in its 8 KiB, and what a contact may. */
const ADDRESSES = { identify: 600, contact: 8 }
const FIRST_OCTETS = [127, 10, 64]
/** Multicodecs. */
const IP4 = 4
const TCP = 6
/** A peer id of an ed25519 key, but for the key. */
const PEER_ID_HEAD = Buffer.from('002408011220', 'hex')

function peerId(chance: Chance): Buffer {
  return Buffer.concat([PEER_ID_HEAD, Buffer.from(Array.from({ length: 32 }, () => chance.below(256)))])
}

/** /ip4/…/tcp/7001 in binary; three thousand of them a reply are to cost the attacker little. */
function address(chance: Chance): Uint8Array {
  const host = [chance.pick(FIRST_OCTETS), chance.below(256), chance.below(256), 1 + chance.below(254)]
  return Buffer.of(IP4, ...host, TCP, CANARY_PORT >> 8, CANARY_PORT & 255)
}

/** PeerInfos of kad-dht. */
export function crowd(chance: Chance): Buffer[] {
  return Array.from({ length: CROWD }, () => peerInfo(peerId(chance), [address(chance)]))
}

/** As many as a frame of ours may carry. */
export function crowdContacts(chance: Chance): Contact[] {
  return Array.from({ length: MAX_CLOSER }, () => ({
    id: peerId(chance),
    addresses: Array.from({ length: ADDRESSES.contact }, () => address(chance)),
  }))
}

/** Of one peer, in identify. */
export function crowdAddresses(chance: Chance): Uint8Array[] {
  return Array.from({ length: ADDRESSES.identify }, () => address(chance))
}
