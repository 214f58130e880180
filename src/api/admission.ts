/** Who may speak to the API: no web page (DNS rebinding, CSRF), and writers only with the token. */

import { isIP } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
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
}

const READING = new Set(['GET', 'HEAD'])

/** The first hook of every request: throws HttpFault 421, 403 or 401. */
export function admission({ token, allowedHosts }: AdmissionRules) {
  const names = new Set(['localhost', ...allowedHosts.map((host) => host.toLowerCase())])
  return async (request: FastifyRequest): Promise<void> => {
    refuseForeignHost(request, names)
    refuseForeignPage(request)
    if (!READING.has(request.method) || isPrivate(request)) requireToken(request, token)
  }
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
function requireToken({ headers }: FastifyRequest, token: string): void {
  const given = /^Bearer +([^\s]+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (given === undefined) {
    throw new HttpFault(401, 'This takes the token: Authorization: Bearer <token>; `kadns token` prints it.')
  }
  if (!sameToken(given, token)) throw new HttpFault(401, 'This is not the token of this node.')
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
