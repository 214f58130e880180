/** `npm run forge`: a node as people start it, asked a few questions whose upstream is drowned out by forged replies. */
import { parseArgs } from 'node:util'
import { Workplace } from '../cli/kadns.ts'
import { RunningNode } from '../cli/running-node.ts'
import { FORGED_ADDRESS, Forger, TRUE_ADDRESS } from './forger.ts'

const HELP = `npm run forge -- [options]: forged replies from the upstream's own address and port; none may be believed.

For example:  npm run forge -- --count 100000

  --count N      forged replies to each question (100000)
  --questions N  questions, half of them to somebody who knows the id too (6)
`

interface Answer {
  readonly answers: readonly { readonly value: string }[]
}

async function round(
  knowsId: boolean,
  { count, questions }: { count: number; questions: number },
): Promise<boolean> {
  await using place = await Workplace.open()
  await using forger = await Forger.open({ count, knowsId })
  const upstream = `--upstream-servers=udp://127.0.0.1:${forger.endpoint.port}`
  const node = await RunningNode.start(place, 'node', upstream)
  const counts = { right: 0, forged: 0, none: 0 }
  let slowest = 0
  for (let at = 0; at < questions; at++) {
    const before = forger.sent
    const began = performance.now()
    const name = `www.name-${at}-of-some-letters.example`
    const { answers } = await node.get<Answer>(`/v1/resolve?name=${name}&type=A`)
    slowest = Math.max(slowest, performance.now() - began)
    const [value] = answers.map((answer) => answer.value)
    counts[value === TRUE_ADDRESS ? 'right' : value === FORGED_ADDRESS ? 'forged' : 'none']++
    while (forger.sent < before + count) await new Promise((again) => setTimeout(again, 10))
    const [again] = (await node.get<Answer>(`/v1/resolve?name=${name}&type=A`)).answers
    if (again?.value === FORGED_ADDRESS) counts.forged++
  }
  process.stdout.write(
    `${knowsId ? 'id known, case guessed' : 'id and case guessed'}: ${questions} questions, ${forger.sent} forged replies; ` +
      `${counts.right} answered right, ${counts.forged} forged, ${counts.none} not at all; the slowest ${slowest.toFixed(0)} ms\n`,
  )
  return counts.right === questions && counts.forged === 0
}

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    questions: { type: 'string', default: '6' },
    help: { type: 'boolean', default: false },
  },
})
const [count, questions] = [Number(values.count), Math.ceil(Number(values.questions) / 2)]
if (values.help) process.stdout.write(HELP)
else if (!(count > 0 && questions > 0)) {
  process.stderr.write('--count and --questions are whole numbers from 1.\n')
  process.exitCode = 2
} else {
  const done = [await round(false, { count, questions }), await round(true, { count, questions })]
  process.exitCode = done.every(Boolean) ? 0 : 1
}
