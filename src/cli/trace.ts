/** `kadns resolve --trace`: a lookup among other nodes, step by step. */
import { NodeClient } from './node-client.ts'
import { type CommandLine, configFor, Exit } from './usage.ts'

type Step =
  | { readonly step: 'asked'; readonly peer: string; readonly hop: number }
  | {
      readonly step: 'answered'
      readonly peer: string
      readonly hop: number
      readonly said: string
      readonly closer: readonly string[]
      readonly milliseconds: number
      readonly sequence?: string
    }
  | {
      readonly step: 'done'
      readonly kind: string
      readonly copies: number
      readonly effort?: { readonly asked: number; readonly hops: number; readonly milliseconds: number }
      readonly answer?: {
        readonly rcode: string
        readonly answers: readonly { name: string; type: string; ttl: number; value: string }[]
      }
    }

export async function trace(
  { name, type }: { readonly name: string; readonly type: string },
  line: CommandLine,
): Promise<number> {
  const path = `/v1/lookups/${encodeURIComponent(name)}?${new URLSearchParams({ type })}`
  let code: number = Exit.refused
  for await (const step of new NodeClient(configFor(line)).events<Step>(path)) {
    process.stdout.write(line.json ? `${JSON.stringify(step)}\n` : sentenceOf(step))
    if (step.step === 'done' && step.answer?.rcode === 'NOERROR') code = Exit.done
  }
  return code
}

function sentenceOf(step: Step): string {
  if (step.step === 'asked') return `${'  '.repeat(step.hop - 1)}ask   ${step.peer}\n`
  if (step.step === 'done') return summaryOf(step)
  const { hop, peer, said, closer, milliseconds, sequence } = step
  const known = closer.length > 0 ? `, and names ${closer.length} closer` : ''
  const what = sequence === undefined ? said : `${said} sequence ${sequence}`
  return `${'  '.repeat(hop - 1)}hear  ${peer}: ${what}${known} (${milliseconds.toFixed(1)} ms)\n`
}

function summaryOf({ kind, copies, effort, answer }: Extract<Step, { step: 'done' }>): string {
  const asked = effort
    ? `, ${effort.asked} asked, ${effort.hops} hop(s), ${effort.milliseconds.toFixed(1)} ms`
    : ''
  const rows = (answer?.answers ?? []).map(
    ({ name, ttl, type, value }) => `${name}\t${ttl}\t${type}\t${value}\n`,
  )
  return `${kind}: ${copies} cop${copies === 1 ? 'y' : 'ies'} seen${asked}\n${answer?.rcode ?? ''}\n${rows.join('')}`
}
