import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_SOA, decodeZoneSoa, encodeZoneSoa } from '../../src/zone/soa.ts'
import { assertZoneFault } from '../support/faults.ts'
import { recordFrom } from '../support/records.ts'
import { octets } from '../support/wire.ts'

const record = recordFrom('apex. 60 IN SOA wan. admin. 7 1 2 3 4')

test('the SOA of a zone says its scope and times; RNAME and SERIAL are nobody’s business', () => {
  assert.deepEqual(decodeZoneSoa(record), { scope: 'wan', refresh: 1, retry: 2, expire: 3, minimum: 4 })
})

test('what was encoded is decoded', () => {
  const data = encodeZoneSoa({ ...DEFAULT_SOA, scope: 'lan', expire: 0xffff_ffff }, 5_000_000n)
  assert.deepEqual(decodeZoneSoa({ ...record, data }), { ...DEFAULT_SOA, scope: 'lan', expire: 0xffff_ffff })
})

test('no record, octets that are no SOA, and an MNAME that is no scope are no SOA of a zone', () => {
  assertZoneFault(() => decodeZoneSoa(undefined), 'content', /begins with its SOA/)
  assertZoneFault(() => decodeZoneSoa({ ...record, data: octets('00 00 00000001') }), 'content', /malformed/)
  assertZoneFault(
    () => decodeZoneSoa(recordFrom('apex. 60 IN SOA ns.lan. . 7 1 2 3 4')),
    'content',
    /its scope/,
  )
})
