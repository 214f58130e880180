/** A certificate and its key as files: read at the start, and again when somebody has renewed them. */
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { isSystemError, systemReason } from '../../system.ts'

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly certificate: string
  readonly privateKey: string
}

/** As node:tls takes them. */
export interface CertificatePair {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Octets of a file beyond which it is no certificate. */
const MAX_OCTETS = 262_144
/** Milliseconds from one look at the files to the next. */
const INTERVAL = 60_000

/** Files that cannot be used. The message is a sentence that names one. */
export class CertificateFault extends Error {
  override readonly name = 'CertificateFault'
}

/** @throws CertificateFault */
export async function readCertificate({
  certificate,
  privateKey,
}: CertificateFiles): Promise<CertificatePair> {
  const pair = { cert: await read(certificate), key: await read(privateKey) }
  try {
    createSecureContext(pair)
    return pair
  } catch (cause) {
    const reason = (cause as Error).message
    const sentence = `${certificate} and ${privateKey} are no certificate and its private key in PEM (${reason}).`
    throw new CertificateFault(sentence, { cause })
  }
}

async function read(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path)
    if (size > MAX_OCTETS) throw new CertificateFault(`${path} is too large for a certificate.`)
    return await readFile(path)
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    throw new CertificateFault(`${path} cannot be read: ${systemReason(cause)}.`, { cause })
  }
}

/** What a door has, and where it came from. */
export interface CertificateInUse {
  readonly files: CertificateFiles
  readonly pair: CertificatePair
}

/** Tells of a pair that has changed and can be used; one that cannot is logged, and the old one stays. */
export function watchCertificate(
  { files, pair }: CertificateInUse,
  renewed: (pair: CertificatePair) => void,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Disposable {
  let inUse = pair
  let next: Disposable | undefined
  let closed = false
  // By what is in them: a time of the file says nothing of what was read before it was looked at.
  const look = async () => {
    const found = await readCertificate(files)
    if (closed || (found.cert.equals(inUse.cert) && found.key.equals(inUse.key))) return
    renewed(found)
    inUse = found
  }
  const again = () => {
    if (closed) return
    next = clock.after(INTERVAL, () => {
      look()
        .catch((fault) =>
          logger.warn({ err: fault }, 'the certificate has changed and cannot be used; the old one stays'),
        )
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
