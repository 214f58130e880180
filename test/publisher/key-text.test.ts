/** Keys as text: plain, sealed with a passphrase, and backups with zone and revocation. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatBackup, formatKey, parseKey, parseRevocation } from '../../src/publisher/key-text.ts'
import { Passphrase } from '../../src/publisher/sealing.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { ALICE, BOB, zoneOf } from '../support/zones.ts'

const OWN = { key: publicKeyOf(ALICE), secret: ALICE }
const ZONE = zoneOf('www 300 IN A 192.0.2.1')
const PASSPHRASE = new Passphrase('correct horse\n')
const SEALED = await formatKey(OWN, PASSPHRASE)

const BACKUP = await formatBackup({ ...OWN, zone: undefined })

const damaged = (words: RegExp) => ({ name: 'PublisherFault', reason: 'damaged', message: words })

describe('a key as text', () => {
  test('is 64 digits where there is no passphrase, and read again', async () => {
    const text = await formatKey(OWN)
    assert.match(text, /^[0-9a-f]{64}\n$/)
    assert.deepEqual(Buffer.from((await parseKey(text, 'It')).secret), Buffer.from(ALICE))
  })

  test('sealed shows the key, never the secret, and opens with the passphrase alone', async () => {
    assert.ok(SEALED.includes(OWN.key.label) && !SEALED.includes(Buffer.from(ALICE).toString('hex')))
    const { key, secret } = await parseKey(SEALED, 'It', new Passphrase('correct horse'))
    assert.deepEqual([key.label, Buffer.from(secret)], [OWN.key.label, Buffer.from(ALICE)])
    await assert.rejects(parseKey(SEALED, 'It', new Passphrase('wrong')), damaged(/not its passphrase/))
    await assert.rejects(
      parseKey(SEALED, 'The file x'),
      damaged(/^The file x is sealed: it takes its passphrase/),
    )
  })

  test('a seal is of one key: it opens under no other name, and not with an octet changed', async () => {
    const document = JSON.parse(SEALED)
    const other = JSON.stringify({ ...document, key: publicKeyOf(BOB).label })
    await assert.rejects(
      parseKey(other, 'It', PASSPHRASE),
      damaged(/not its passphrase, or its file is damaged/),
    )
    const box = document.sealed.box.replace(/^./, (digit: string) => (digit === '0' ? '1' : '0'))
    const changed = JSON.stringify({ ...document, sealed: { ...document.sealed, box } })
    await assert.rejects(parseKey(changed, 'It', PASSPHRASE), damaged(/file is damaged/))
  })

  test('two seals of one passphrase have nothing in common but its salt', async () => {
    const one = await PASSPHRASE.seal(ALICE, 'a')
    const two = await PASSPHRASE.seal(ALICE, 'a')
    assert.equal(one.salt, two.salt)
    assert.notEqual(one.nonce, two.nonce)
    assert.notEqual(one.box, two.box)
  })

  const BROKEN: readonly [what: string, text: string, words: RegExp][] = [
    ['nothing', '', /holds no 64 hexadecimal digits/],
    ['other JSON', '{"format":"something"}', /is no backup/],
    ['JSON without a secret', '{"format":"KadNS key 1","key":"x"}', /holds no secret/],
    [
      'the secret of another key',
      JSON.stringify({ format: 'KadNS key 1', key: OWN.key.label, secret: Buffer.from(BOB).toString('hex') }),
      /of another key/,
    ],
    [
      'a zone of another key',
      JSON.stringify({
        ...JSON.parse(BACKUP),
        zone: Buffer.from(zoneOf('a 1 IN A 192.0.2.1', { secret: BOB }).bytes).toString('base64'),
      }),
      /is damaged/,
    ],
  ]
  for (const [what, text, words] of BROKEN) {
    test(`with ${what} is refused`, async () => await assert.rejects(parseKey(text, 'It'), damaged(words)))
  }

  test('a passphrase is not empty', () => {
    assert.throws(() => new Passphrase('\n'), damaged(/A passphrase has 1 to/))
  })
})

describe('a backup', () => {
  test('has key, zone and revocation', async () => {
    const text = await formatBackup({ ...OWN, zone: ZONE })
    const { key, secret, zone } = await parseKey(text, 'It')
    assert.deepEqual([key.label, Buffer.from(secret)], [OWN.key.label, Buffer.from(ALICE)])
    assert.deepEqual(Buffer.from(zone?.bytes ?? []), Buffer.from(ZONE.bytes))
    assert.ok(parseRevocation(text, 'It').revoked)
  })

  test('sealed still has its revocation readable, for who has forgotten the passphrase', async () => {
    const text = await formatBackup({ ...OWN, zone: undefined }, PASSPHRASE)
    assert.equal(parseRevocation(text, 'It').key.label, OWN.key.label)
    await assert.rejects(parseKey(text, 'It'), damaged(/is sealed/))
  })

  test('what is none has no revocation', () => {
    for (const text of ['', '{}', SEALED])
      assert.throws(() => parseRevocation(text, 'It'), damaged(/holds no revocation/))
  })
})
