/** Who may speak to the API: no web page (DNS rebinding, CSRF), and writers only with the token. */

import { isIP } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { parseType } from '../dns/message.ts'
import { type Name, parseName, sameName } from '../dns/name.ts'
import { Buckets, type Rate } from '../rate.ts'
import type { PublicKey } from '../zone/key.ts'
import type { Grants, Scope } from './grants.ts'
import { HttpFault } from './problem.ts'
import { sameToken } from './token.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * What a token has to allow: `read` what is private, `publish` zones, write one `set` of records, or all (`admin`). A route
     * that writes and says nothing takes the node's own token; one that reads and says nothing takes none.
     */
    readonly needs?: Need
  }
  interface FastifyRequest {
    /** What its token may do; undefined where none was asked for. */
    granted?: Granted
  }
}

type Need = 'read' | 'publish' | 'set' | 'admin'
/** `admin`: the node's own token. */
export type Granted = Scope | { readonly kind: 'admin' }

/** What each kind of token may do; a `set` route looks itself which set it is. */
const MAY: Readonly<Record<Granted['kind'], readonly Need[]>> = {
  admin: ['read', 'publish', 'set', 'admin'],
  publish: ['read', 'publish', 'set'],
  read: ['read'],
  set: ['set'],
}

export interface AdmissionRules {
  readonly token: string
  readonly grants: Pick<Grants, 'scopeOf'>
  /** Host names besides localhost; addresses are always accepted, since no name can be rebound to them. */
  readonly allowedHosts: readonly string[]
  readonly maxWritesPerMinute: number
  readonly clock: Clock
}

const READING = new Set(['GET', 'HEAD'])
/** Wrong tokens from one address in a minute: whoever guesses has no more tries. */
const MAX_WRONG_PER_MINUTE = 10

/** The first hook of every request: throws HttpFault 421, 403, 401 or 429. */
export function admission({ token, grants, allowedHosts, maxWritesPerMinute, clock }: AdmissionRules) {
  const names = new Set(['localhost', ...allowedHosts.map((host) => host.toLowerCase())])
  const wrong = new Buckets(perMinute(MAX_WRONG_PER_MINUTE), clock)
  const writes = new Buckets(perMinute(maxWritesPerMinute), clock)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    refuseForeignHost(request, names)
    refuseForeignPage(request)
    const isReading = READING.has(request.method)
    const need = request.routeOptions.config.needs ?? (isReading ? undefined : 'admin')
    if (need === undefined) return
    if (!wrong.has(request.ip)) tooMany(reply, 'Too many wrong tokens came from this address; wait a minute.')
    request.granted = requireToken(request, { token, grants, wrong })
    if (!MAY[request.granted.kind].includes(need))
      throw new HttpFault(403, 'This token may not do that; the token of the node may (kadns token).')
    if (!isReading && !writes.take(request.ip))
      tooMany(
        reply,
        `This address may change ${maxWritesPerMinute} things a minute (api.max_writes_per_minute).`,
      )
  }
}

function perMinute(count: number): Rate {
  return { perSecond: count / 60, burst: count }
}

// RFC 6585 4
function tooMany(reply: FastifyReply, sentence: string): never {
  reply.header('retry-after', '60')
  throw new HttpFault(429, sentence)
}

// A page on evil.example whose name was pointed at 127.0.0.1 sends its own name as Host.
function refuseForeignHost({ raw, headers }: FastifyRequest, names: ReadonlySet<string>): void {
  const hosts = raw.rawHeaders.filter((header, at) => at % 2 === 0 && header.toLowerCase() === 'host').length
  const isOurs = (authority: string): boolean => {
    const host = hostOf(authority)
    return host !== undefined && (isIP(host) > 0 || names.has(host))
  }
  if (hosts <= 1 && [headers.host ?? '', ...absoluteForm(raw.url ?? '')].every(isOurs)) return
  throw new HttpFault(
    421,
    'This API answers to addresses and localhost; other names go into api.allowed_hosts.',
  )
}

/** Of `GET http://a.example/b`, which every server has to understand (RFC 9112 3.2.2): `a.example`. */
function absoluteForm(target: string): string[] {
  return target.startsWith('/') ? [] : [/^https?:\/\/([^/?#]*)/i.exec(target)?.[1] ?? '']
}

function hostOf(header: string): string | undefined {
  const [, v6, name] = /^(?:\[([0-9a-f:.]+)\]|([^:/@[\]\s]+))(?::\d{1,5})?$/i.exec(header) ?? []
  return (v6 ?? name)?.toLowerCase().replace(/\.$/, '')
}

function refuseForeignPage({ headers, protocol }: FastifyRequest): void {
  const site = headers['sec-fetch-site']
  const isOwn = headers.origin === undefined || headers.origin === `${protocol}://${headers.host}`
  if (isOwn && (site === undefined || site === 'none' || site === 'same-origin')) return
  throw new HttpFault(403, 'Web pages of other origins may not use this API.')
}

interface Tokens extends Pick<AdmissionRules, 'token' | 'grants'> {
  readonly wrong: Buckets
}

function requireToken({ headers, ip }: FastifyRequest, { token, grants, wrong }: Tokens): Granted {
  const given = tokenIn(headers.authorization ?? '')
  if (given === undefined) {
    throw new HttpFault(401, 'This takes the token: Authorization: Bearer <token>; `kadns token` prints it.')
  }
  if (sameToken(given, token)) return { kind: 'admin' }
  const scope = grants.scopeOf(given)
  if (scope) return scope
  wrong.take(ip)
  throw new HttpFault(401, 'This is not the token of this node.')
}

/** RFC 6750 2.1, or the password of RFC 7617, which is all that routers can send. */
function tokenIn(header: string): string | undefined {
  const bearer = /^Bearer +([^\s]+) *$/i.exec(header)?.[1]
  if (bearer !== undefined) return bearer
  const basic = /^Basic +([A-Za-z0-9+/=]+) *$/i.exec(header)?.[1]
  return basic && /^[^:]*:([\s\S]+)$/.exec(Buffer.from(basic, 'base64').toString('utf8'))?.[1]
}

/** A set of records, as the zone spells its name; no types: all of that name. */
interface WrittenSet {
  readonly key: PublicKey
  readonly name: Name
  readonly types: readonly number[] | undefined
}

/** Whether a request may write this set. */
export function allows({ granted }: Pick<FastifyRequest, 'granted'>, set: WrittenSet): boolean {
  return granted !== undefined && mayWrite(granted, set)
}

/** Whether whoever has been given this may write that set. */
export function mayWrite(granted: Granted, { key, name, types }: WrittenSet): boolean {
  if (granted.kind !== 'set') return granted.kind !== 'read'
  if (granted.zone !== key.label || types === undefined) return false
  const isType = (type: number) => granted.types.some((word) => parseType(word) === type)
  return sameName(parseName(granted.name, key.apex), name) && types.every(isType)
}

/** What every reply carries: nothing here is for caches, frames or other sites. */
export async function secureHeaders(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.headers({
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  })
}
