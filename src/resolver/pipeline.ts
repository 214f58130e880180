/** The order of the layers is what the resolver does. It is written here and nowhere else; each feels only what is below it. */

import { aliases } from './layers/aliases.ts'
import { type BlockDeps, block } from './layers/block.ts'
import { coalesce } from './layers/coalesce.ts'
import { failure } from './layers/failure.ts'
import { failureMemory } from './layers/failure-memory.ts'
import { type ForwardDeps, forward } from './layers/forward.ts'
import { type InwardDeps, inward } from './layers/inward.ts'
import { type LocalNames, local } from './layers/local.ts'
import { type LoopsDeps, loops } from './layers/loops.ts'
import { special } from './layers/special.ts'
import { type ZonesDeps, zones } from './layers/zones.ts'
import { type Answer, compose, type Resolve } from './query.ts'

export interface PipelineDeps extends ZonesDeps, ForwardDeps, LoopsDeps, InwardDeps, BlockDeps {
  readonly maxAliases: number
  /** Records for names of the house, as they stand now. */
  readonly localNames: () => LocalNames
  /** Another one each time that what was said before no longer counts. */
  readonly generation: () => number
  /** Told of faults nobody foresaw. */
  readonly report: (fault: unknown) => void
}

/** What becomes of an answer by what the owner of this node has laid down, as it stands now. */
export function judging(
  deps: Pick<PipelineDeps, 'localNames' | 'blocking' | 'suffix'>,
): (answer: Answer) => Resolve {
  return (answer) => compose([local(deps.localNames), block(deps)], async () => answer)
}

export function pipeline(deps: PipelineDeps): Resolve {
  return compose(
    [
      failure(deps.report), // outermost: nothing thrown, and no silence, reaches a listener
      inward(deps), // above aliases: it is the whole chain that leads somewhere
      aliases(deps.maxAliases), // above all that answers: an alias may lead anywhere, from ours to the ordinary DNS and back
      local(deps.localNames), // above special: a house may well have names under home.arpa, and its own reverse zones
      special(deps.upstreams.isApart), // above everything that asks somebody: these names are nobody's business but this machine's
      block(deps), // below local, since the owner's word beats a list; above all that asks: what is blocked is told nobody
      zones(deps), // where our names end: none of them passes
      loops(deps), // above coalesce: in a loop the same question comes twice
      coalesce(deps.generation), // below zones, which has its own single flight: one exchange per question with the outside
      failureMemory(deps.clock, deps.generation), // below coalesce: what many asked together has failed once
    ],
    forward(deps),
  )
}
