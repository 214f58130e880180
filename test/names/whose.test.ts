import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatName, parseName } from '../../src/dns/name.ts'
import { whoseName } from '../../src/names/whose.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { ALICE } from '../support/zones.ts'

const { label: KEY } = publicKeyOf(ALICE)
const UPPER = KEY.toUpperCase()
// Key-shaped, but the zero key: a point of small order.
const NO_KEY = 'y'.repeat(52)
// The same octets in another of their 16 spellings.
const alphabet = 'ybndrfg8ejkmcpqxot1uwisza345h769'
const MISSPELLED = KEY.slice(0, -1) + alphabet.charAt(alphabet.indexOf(KEY.slice(-1)) + 1)
const LONG = (length: number) => 'l'.repeat(length)

const short = (text: string) =>
  text
    .replaceAll(KEY, '<key>')
    .replaceAll(UPPER, '<KEY>')
    .replaceAll(NO_KEY, '<no key>')
    .replaceAll(MISSPELLED, '<misspelled>')

/** The verdict in one line. */
function judge(name: string, suffix = 'kad.alt.'): string {
  const whose = whoseName(parseName(name), parseName(suffix))
  if (whose.kind === 'ordinary') return 'ordinary'
  if (whose.kind !== 'zone') return `${whose.kind}, says ${formatName(whose.apex)}`
  assert.equal(whose.key.label, KEY)
  return short(`zone: ${formatName(whose.inZone)} of ${formatName(whose.apex)}`)
}

function table(suffix: string, rows: readonly [name: string, verdict: string][]): void {
  for (const [name, verdict] of rows) {
    test(`${short(name)}: ${verdict}`, () => assert.equal(judge(name, suffix), verdict))
  }
}

describe('whose a name is, under kad.alt', () => {
  table('kad.alt.', [
    // A key, under the suffix or bare, in any case.
    [`${KEY}.kad.alt.`, 'zone: <key>. of <key>.kad.alt.'],
    [`www.${KEY}.kad.alt.`, 'zone: www.<key>. of <key>.kad.alt.'],
    [`a.B.${KEY}.KAD.Alt.`, 'zone: a.B.<key>. of <key>.kad.alt.'],
    [`Www.${UPPER}.Kad.ALT.`, 'zone: Www.<KEY>. of <key>.kad.alt.'],
    [`${KEY}.`, 'zone: <key>. of <key>.'],
    [`www.${KEY}.`, 'zone: www.<key>. of <key>.'],
    [`www.${UPPER}.`, 'zone: www.<KEY>. of <key>.'],
    [`a\\.b.${KEY}.kad.alt.`, 'zone: a\\.b.<key>. of <key>.kad.alt.'],
    [`${KEY}.${KEY}.kad.alt.`, 'zone: <key>.<key>. of <key>.kad.alt.'],
    [`${NO_KEY}.${KEY}.`, 'zone: <no key>.<key>. of <key>.'],
    // Key-shaped but no key.
    [`${NO_KEY}.kad.alt.`, 'nobody, says kad.alt.'],
    [`www.${MISSPELLED}.kad.alt.`, 'nobody, says kad.alt.'],
    [`${NO_KEY}.`, 'nobody, says .'],
    [`www.${MISSPELLED}.`, 'nobody, says .'],
    [`${MISSPELLED.toUpperCase()}.`, 'nobody, says .'],
    [`${KEY}.${NO_KEY}.kad.alt.`, 'nobody, says kad.alt.'],
    // Not one label from the suffix, and so no key's.
    [`${KEY}.www.kad.alt.`, 'nobody, says kad.alt.'],
    [`${KEY}\\.kad.alt.`, 'nobody, says alt.'],
    // The suffix, what is above it, reserved words.
    ['kad.alt.', 'empty, says kad.alt.'],
    ['KAD.alt.', 'empty, says kad.alt.'],
    ['alt.', 'empty, says alt.'],
    ['ALT.', 'empty, says alt.'],
    ['peer.kad.alt.', 'empty, says kad.alt.'],
    ['Peer.kad.alt.', 'empty, says kad.alt.'],
    ['X.Peer.kad.alt.', 'node, says X.Peer.kad.alt.'],
    ['_dnsaddr.x.peer.kad.alt.', 'node, says x.peer.kad.alt.'],
    ['a.b.x.peer.kad.alt.', 'node, says x.peer.kad.alt.'],
    ['peers.kad.alt.', 'nobody, says kad.alt.'],
    ['alice.kad.alt.', 'nobody, says kad.alt.'],
    ['www.alice.kad.alt.', 'nobody, says kad.alt.'],
    ['example.org.kad.alt.', 'nobody, says kad.alt.'],
    // The rest of .alt is no part of the DNS either.
    ['example.alt.', 'nobody, says alt.'],
    ['badkad.alt.', 'nobody, says alt.'],
    ['kad.ALT.alt.', 'nobody, says alt.'],
    [`${KEY}.alt.`, 'nobody, says alt.'],
    // Top-level labels that cannot be any.
    [`${LONG(31)}.`, 'nobody, says .'],
    [`www.${LONG(63)}.`, 'nobody, says .'],
    [`www.${KEY.slice(1)}.`, 'nobody, says .'],
    [`www.${KEY}y.`, 'nobody, says .'],
    // The ordinary DNS.
    [`${LONG(30)}.`, 'ordinary'],
    ['.', 'ordinary'],
    ['org.', 'ordinary'],
    ['www.example.org.', 'ordinary'],
    ['kad.alt.example.org.', 'ordinary'],
    ['kad.', 'ordinary'],
    ['peer.', 'ordinary'],
    ['salt.', 'ordinary'],
    [`${KEY}.org.`, 'ordinary'],
    [`www.${LONG(40)}.org.`, 'ordinary'],
    ['a\\.alt.', 'ordinary'],
  ])
})

describe('whose a name is, under another suffix', () => {
  table('names.example.', [
    [`www.${KEY}.names.example.`, 'zone: www.<key>. of <key>.names.example.'],
    [`www.${KEY}.`, 'zone: www.<key>. of <key>.'],
    ['names.example.', 'empty, says names.example.'],
    ['peer.names.example.', 'empty, says names.example.'],
    ['alice.names.example.', 'nobody, says names.example.'],
    ['example.', 'ordinary'],
    ['www.example.', 'ordinary'],
    // .alt stays outside the DNS.
    ['kad.alt.', 'nobody, says alt.'],
    [`${KEY}.kad.alt.`, 'nobody, says alt.'],
    ['alt.', 'nobody, says alt.'],
  ])

  test('a suffix of several labels under alt makes everything above it empty', () => {
    assert.equal(judge('home.kad.alt.', 'home.kad.alt.'), 'empty, says home.kad.alt.')
    assert.equal(judge('kad.alt.', 'home.kad.alt.'), 'empty, says alt.')
    assert.equal(judge('alt.', 'home.kad.alt.'), 'empty, says alt.')
    assert.equal(judge('lan.kad.alt.', 'home.kad.alt.'), 'nobody, says alt.')
  })
})
