/** How long answers over UDP take, one question after the other. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from './statistics.ts'

/** Milliseconds a measurement takes, and between two questions of it. */
export const SPAN = 60_000
export const PAUSE = 2
/** Milliseconds after which an answer is lost. */
const PATIENCE = 2000

export interface Target {
  readonly name: string
  readonly port: number
  readonly question: Buffer
  /** Milliseconds each answer took. */
  readonly times: number[]
}

/** Asks each in turn. An answer that does not come counts as the patience it was waited for with. */
export async function measure(targets: readonly Target[]): Promise<readonly Target[]> {
  const end = performance.now() + SPAN
  const sockets = await Promise.all(targets.map(listen))
  for (let id = 0; performance.now() < end; id = (id + 1) & 0xffff) {
    for (const socket of sockets) socket.ask(id)
    await sleep(PAUSE)
  }
  await sleep(PATIENCE)
  for (const socket of sockets) socket.close()
  return targets
}

async function listen({ port, question, times }: Target) {
  const socket: Socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const asked = new Map<number, number>()
  socket.on('message', (reply) => {
    const began = asked.get(reply.readUInt16BE())
    if (began !== undefined) times.push(performance.now() - began)
    asked.delete(reply.readUInt16BE())
  })
  return {
    ask: (id: number) => {
      question.writeUInt16BE(id)
      asked.set(id, performance.now())
      socket.send(question, port, '127.0.0.1')
    },
    close: () => {
      times.push(...Array.from(asked, () => PATIENCE))
      socket.close()
    },
  }
}

/** How late answers come with a load beside how late without, a sentence or two for each. */
export function compared(idle: readonly Target[], loaded: readonly Target[]): string[] {
  return idle.flatMap(({ name, times }, at) => {
    const under = loaded[at]?.times ?? []
    const ratio = (quantile(under, 0.99) / quantile(times, 0.99)).toFixed(2)
    return [
      `${name}: idle ${words(times)}; loaded ${words(under)}`,
      `${name}: p99 loaded is ${ratio} times idle`,
    ]
  })
}

function words(times: readonly number[]): string {
  const [half, late, last] = [0.5, 0.99, 0.999].map((share) => quantile(times, share).toFixed(2))
  return `median ${half} ms, p99 ${late} ms, p99.9 ${last} ms (of ${times.length})`
}
