/** Faults over HTTP: problem details (RFC 9457), one sentence for people, every fault of the body listed. */

import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { AllowedKeysFault } from '../allowed-keys.ts'
import { DnsFault } from '../dns/fault.ts'
import { PetnamesFault } from '../petnames.ts'
import { PublisherFault } from '../publisher/fault.ts'
import { ZoneFault } from '../zone/fault.ts'
import { type RecordFault, RecordsFault } from '../zone/records.ts'
import { type PlacedFault, ZoneFileFault } from '../zone/zone-file.ts'

/** What is told of one fault in a body: where, in JSON or in a zone file, and a sentence. */
export type BodyFault = Pick<RecordFault, 'message'> & Partial<RecordFault & PlacedFault>

/** A fault with the status it is told under. The message is a sentence for people. */
export class HttpFault extends Error {
  override readonly name = 'HttpFault'
  readonly status: number
  readonly faults: readonly BodyFault[]

  constructor(status: number, sentence: string, faults: readonly BodyFault[] = []) {
    super(sentence)
    this.status = status
    this.faults = faults
  }
}

/** Faults of one body that are told; the others are counted. */
const MAX_FAULTS = 100

const TYPE = 'application/problem+json; charset=utf-8'

/** @param about by which the log and whoever was refused mean the same */
export function sendProblem(reply: FastifyReply, fault: HttpFault, about?: string): FastifyReply {
  const { status, message, faults } = fault
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  const left = faults.length - MAX_FAULTS
  const detail =
    left > 0
      ? `${message.slice(0, -1)}: ${MAX_FAULTS} faults are listed, and ${left} more were found.`
      : message
  const title = STATUS_CODES[status] ?? 'Fault'
  const problem = { type: 'about:blank', title, status, detail, ...(about !== undefined && { about }) }
  // Serialised here: the schema of a route's good reply has no say in its faults.
  const body = faults.length > 0 ? { ...problem, faults: faults.slice(0, MAX_FAULTS) } : problem
  return reply.code(status).header('content-type', TYPE).serializer(JSON.stringify).send(body)
}

export function handleErrors(logger: Logger) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const fault = asHttpFault(error)
    if (fault.status >= 500) {
      const isForeseen = error instanceof PublisherFault && error.reason === 'storage'
      logger.error(
        { err: error, request: request.id },
        isForeseen ? 'a zone could not be written' : 'a request failed for a reason nobody foresaw',
      )
    }
    return sendProblem(reply, fault, fault.status >= 500 ? `request ${request.id}` : undefined)
  }
}

/** What of a fault is told: nothing of those that nobody foresaw. */
export function asHttpFault(error: unknown): HttpFault {
  if (error instanceof HttpFault) return error
  if (error instanceof RecordsFault)
    return new HttpFault(
      422,
      'The records are not accepted; what is wrong with which stands in faults.',
      error.faults,
    )
  if (error instanceof ZoneFault) return ofZone(error)
  if (error instanceof PublisherFault) return ofPublisher(error)
  if (error instanceof PetnamesFault || error instanceof AllowedKeysFault)
    return new HttpFault(409, error.message)
  if (error instanceof ZoneFileFault)
    return new HttpFault(
      422,
      'The zone file is not accepted; what is wrong where stands in faults.',
      error.faults,
    )
  if (error instanceof DnsFault) return new HttpFault(422, error.message, [{ message: error.message }])
  return ofFastify(error as FastifyError)
}

const INTERNAL = 'Something went wrong in this node; its log says what.'

function ofPublisher({ reason, message }: PublisherFault): HttpFault {
  switch (reason) {
    case 'unknown-zone':
      return new HttpFault(404, message)
    case 'revoked':
    case 'clock':
      return new HttpFault(409, message)
    case 'storage':
      return new HttpFault(507, message)
    case 'damaged':
      return new HttpFault(500, INTERNAL)
  }
}

function ofZone({ reason, message }: ZoneFault): HttpFault {
  if (reason === 'older') return new HttpFault(409, message)
  return new HttpFault(422, message, [{ message }])
}

const SENTENCES: Record<string, string> = {
  FST_ERR_BAD_URL: 'The path is not well-formed: a % in it is no escape.',
  FST_ERR_CTP_BODY_TOO_LARGE: 'The body is longer than this node takes (api.max_body).',
  FST_ERR_CTP_INVALID_MEDIA_TYPE:
    'The body has to be JSON, sent with Content-Type: application/json, or where records are written a zone file as text/dns.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body is not as long as its Content-Length says.',
}

function ofFastify(error: FastifyError): HttpFault {
  const status = error.statusCode ?? 500
  if (status >= 500) return new HttpFault(500, INTERNAL)
  return new HttpFault(status, SENTENCES[error.code] ?? error.message)
}
