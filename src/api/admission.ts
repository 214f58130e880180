/** Who may speak to the API: no web page (DNS rebinding, CSRF), and writers only with the token. */

import { isIP } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { Buckets, type Rate } from '../rate.ts'
import { HttpFault } from './problem.ts'
import { sameToken } from './token.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What this route tells is for who runs this node alone. */
    readonly private?: true
  }
}

export interface AdmissionRules {
  readonly token: string
  /** Host names besides localhost; addresses are always accepted, since no name can be rebound to them. */
  readonly allowedHosts: readonly string[]
  readonly maxWritesPerMinute: number
  readonly clock: Clock
}

const READING = new Set(['GET', 'HEAD'])
/** Wrong tokens from one address in a minute: whoever guesses has no more tries. */
const MAX_WRONG_PER_MINUTE = 10

/** The first hook of every request: throws HttpFault 421, 403, 401 or 429. */
export function admission({ token, allowedHosts, maxWritesPerMinute, clock }: AdmissionRules) {
  const names = new Set(['localhost', ...allowedHosts.map((host) => host.toLowerCase())])
  const wrong = new Buckets(perMinute(MAX_WRONG_PER_MINUTE), clock)
  const writes = new Buckets(perMinute(maxWritesPerMinute), clock)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    refuseForeignHost(request, names)
    refuseForeignPage(request)
    const isReading = READING.has(request.method)
    if (isReading && !isPrivate(request)) return
    if (!wrong.has(request.ip)) tooMany(reply, 'Too many wrong tokens came from this address; wait a minute.')
    requireToken(request, { token, wrong })
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

function isPrivate({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.private === true
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

// RFC 6750 2.1
function requireToken(
  { headers, ip }: FastifyRequest,
  { token, wrong }: { readonly token: string; readonly wrong: Buckets },
): void {
  const given = /^Bearer +([^\s]+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (given === undefined) {
    throw new HttpFault(401, 'This takes the token: Authorization: Bearer <token>; `kadns token` prints it.')
  }
  if (sameToken(given, token)) return
  wrong.take(ip)
  throw new HttpFault(401, 'This is not the token of this node.')
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
