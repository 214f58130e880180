/** What has to hold of frames, however their octets are cut and whatever they say. */
import assert from 'node:assert/strict'
import { FrameSplitter } from '../src/dht/frame-splitter.ts'
import {
  decodeReply,
  decodeReplyOrNotice,
  decodeRequest,
  encodeNotice,
  encodeReply,
  encodeRequest,
} from '../src/dht/frames.ts'

type Decoded = ReturnType<typeof decodeRequest> | ReturnType<typeof decodeReplyOrNotice>

/** The same frames are found in pieces of any size. */
export function checkSplitting(input: Buffer, found: readonly Buffer[]): void {
  const splitter = new FrameSplitter()
  const size = 1 + (input.length % 61)
  const pieces = Array.from({ length: Math.ceil(input.length / size) }, (_, at) =>
    input.subarray(at * size, (at + 1) * size),
  )
  assert.deepEqual(
    pieces.flatMap((piece) => [...splitter.push(piece)]),
    found,
  )
}

/** What was decoded is the same after it was encoded and decoded again. */
export function checkMessage(message: Decoded): void {
  if (message.kind === 'get' || message.kind === 'put')
    assert.deepEqual(decodeRequest(encodeRequest(message).subarray(2)), message)
  else if (message.kind === 'changed')
    assert.deepEqual(decodeReplyOrNotice(encodeNotice(message).subarray(2)), message)
  else if (Number.isSafeInteger(message.time))
    assert.deepEqual(decodeReply(encodeReply(message).subarray(2)), message)
}
