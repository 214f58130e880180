import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatRcode, formatType, parseType, Rcode, RecordType } from '../../src/dns/message.ts'

test('every type with a name here is written by it and read from it, in any case', () => {
  for (const [word, type] of Object.entries(RecordType)) {
    assert.equal(formatType(type), word)
    assert.equal(parseType(word), type)
    assert.equal(parseType(word.toLowerCase()), type)
  }
})

test('other types are written TYPE and their number', () => {
  assert.equal(formatType(65280), 'TYPE65280')
  assert.equal(parseType('TYPE65280'), 65280)
  assert.equal(parseType('type0'), 0)
  assert.equal(parseType('TYPE1'), RecordType.A)
})

test('words that are no type are none', () => {
  for (const word of [
    '',
    'AAA',
    'TYPE',
    'TYPE65536',
    'TYPE-1',
    'TYPE1x',
    ' A',
    'toString',
    '__proto__',
    '1',
  ]) {
    assert.equal(parseType(word), undefined, word)
  }
})

test('response codes are written as dig writes them', () => {
  const written = [
    Rcode.NoError,
    Rcode.FormErr,
    Rcode.ServFail,
    Rcode.NxDomain,
    Rcode.NotImp,
    Rcode.BadVers,
    23,
  ]
  assert.deepEqual(written.map(formatRcode), [
    'NOERROR',
    'FORMERR',
    'SERVFAIL',
    'NXDOMAIN',
    'NOTIMP',
    'BADVERS',
    'RCODE23',
  ])
})
