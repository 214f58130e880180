import assert from 'node:assert/strict'
import { DnsFault, type DnsReason } from '../../src/dns/fault.ts'
import { ZoneFault, type ZoneReason } from '../../src/zone/fault.ts'

/** Fails unless `run` throws a DnsFault for that reason, whose sentence matches. */
export function assertDnsFault(run: () => unknown, reason: DnsReason, sentence = /./): void {
  assert.throws(run, (fault: unknown) => {
    assert.ok(fault instanceof DnsFault, `${fault}`)
    assert.equal(fault.reason, reason, fault.message)
    assert.match(fault.message, sentence)
    return true
  })
}

/** Fails unless `run` throws a ZoneFault for that reason, whose sentence matches. */
export function assertZoneFault(run: () => unknown, reason: ZoneReason, sentence = /./): void {
  assert.throws(run, (fault: unknown) => {
    assert.ok(fault instanceof ZoneFault, `${fault}`)
    assert.equal(fault.reason, reason, fault.message)
    assert.match(fault.message, sentence)
    return true
  })
}
