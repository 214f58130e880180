/** The ETag of a zone, its sequence, and what conditions on it say (RFC 9110 8.8.3, 13.1). */
import type { SignedZone } from '../zone/signed-zone.ts'
import { HttpFault } from './problem.ts'

export function etagOf({ sequence }: Pick<SignedZone, 'sequence'>): string {
  return `"${sequence}"`
}

/** Whether a list of tags, or `*`, has the zone's. */
export function isAmong(header: string | undefined, zone: SignedZone): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  return tags.includes('*') || tags.includes(etagOf(zone))
}

/** @param header If-Match @throws HttpFault 412 */
export function refuseUnlessMatching(header: string | undefined, newest: SignedZone): void {
  if (header === undefined || isAmong(header, newest)) return
  throw new HttpFault(412, `The zone was written since: its ETag is ${etagOf(newest)} now.`)
}
