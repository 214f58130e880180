/** The certificate a node makes for itself where none is configured: kept in its data directory, made anew before it ends. */
import { createPublicKey, X509Certificate } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { parseIPv4, parseIPv6 } from '../../dns/address.ts'
import type { CertificateFiles } from './certificate.ts'
import { makeSelfSigned, pinOf } from './self-signed.ts'

const DAY = 86_400_000
/** It lives for so long (what browsers bear), and within the last half another is made. */
const LIFETIME = 397 * DAY
const RENEWED_WITHIN = LIFETIME / 2
/** A clock may be behind. */
const BACKDATED = DAY
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/i

export interface OwnCertificateNeeds {
  readonly directory: string
  readonly clock: Clock
  readonly logger: Logger
}

/** Makes the files unless there are good ones. Whoever wants to trust it finds its pin in the log. */
export async function ownCertificate({
  directory,
  clock,
  logger,
}: OwnCertificateNeeds): Promise<CertificateFiles> {
  const files = filesIn(directory)
  if (!(await isGood(files, clock.now()))) await make(files, clock.now())
  const { publicKey } = new X509Certificate(await readFile(files.certificate))
  logger.warn(
    { certificate: files.certificate, pin: pinOf(publicKey) },
    'DNS over TLS and HTTPS have a certificate this node has made itself: clients have to be told to trust it, by its file or pin',
  )
  return files
}

/** Makes another in time on a node that runs for long; the doors find it as they find any that is renewed. */
export function renewOwnCertificate(needs: OwnCertificateNeeds): Disposable {
  const { directory, clock, logger } = needs
  let next: Disposable | undefined
  let closed = false
  const look = async () => {
    if (!(await isGood(filesIn(directory), clock.now()))) await ownCertificate(needs)
  }
  const again = () => {
    if (closed) return
    next = clock.after(DAY, () => {
      look()
        .catch((fault) => logger.warn({ err: fault }, 'no new certificate could be made; the old one stays'))
        .finally(again)
    })
  }
  again()
  return {
    [Symbol.dispose]: () => {
      closed = true
      next?.[Symbol.dispose]()
    },
  }
}

function filesIn(directory: string): CertificateFiles {
  return {
    certificate: join(directory, 'certificate.pem'),
    privateKey: join(directory, 'certificate.key'),
  }
}

async function isGood({ certificate, privateKey }: CertificateFiles, now: number): Promise<boolean> {
  try {
    const read = new X509Certificate(await readFile(certificate))
    const isPair = pinOf(read.publicKey) === pinOf(createPublicKey(await readFile(privateKey)))
    return isPair && read.validToDate.getTime() > now + RENEWED_WITHIN && read.validFromDate.getTime() <= now
  } catch {
    return false
  }
}

/** The key first: without it the certificate is of no use, and the next start makes both anew. */
async function make(files: CertificateFiles, now: number): Promise<void> {
  const made = makeSelfSigned({
    names: [...new Set([hostname(), 'localhost'].filter((name) => HOST_NAME.test(name)))],
    addresses: addressesOfThisMachine().map((text) => (isIPv4(text) ? parseIPv4(text) : parseIPv6(text))),
    from: now - BACKDATED,
    until: now + LIFETIME,
  })
  await writeWhole(files.privateKey, made.privateKey)
  await writeWhole(files.certificate, made.certificate)
}

async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600, flush: true })
  await rename(`${file}.new`, file)
}

function addressesOfThisMachine(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((some) => some ?? [])
  return [...new Set(['127.0.0.1', '::1', ...all.map(({ address }) => address.replace(/%.*/, ''))])]
}
