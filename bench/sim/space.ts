/** Points of Kademlia's space in order, so that the closest are found by their bits and not by sorting. */

/** The `count` of `ranks` whose points are closest to the target by XOR, closest first; both lists ascend. */
export function closestOf(
  ranks: ArrayLike<number>,
  points: readonly Uint8Array[],
  { target, count }: { readonly target: Uint8Array; readonly count: number },
): number[] {
  const found: number[] = []
  const visit = (low: number, high: number, bit: number): void => {
    if (low >= high || found.length >= count) return
    if (high - low === 1) {
      found.push(ranks[low]!)
      return
    }
    const middle = firstWithBit((at) => points[ranks[at]!]!, { low, high, bit })
    if (hasBit(target, bit)) {
      visit(middle, high, bit + 1)
      visit(low, middle, bit + 1)
    } else {
      visit(low, middle, bit + 1)
      visit(middle, high, bit + 1)
    }
  }
  visit(0, ranks.length, 0)
  return found
}

/** The parts of the space, halved while one holds more than `size` points and for `depth` times at most: [from, to). */
export function bucketsOf(
  points: readonly Uint8Array[],
  { size, depth }: { readonly size: number; readonly depth: number },
): [from: number, to: number][] {
  const split = (low: number, high: number, bit: number): [number, number][] => {
    if (high - low <= size || bit >= depth) return low < high ? [[low, high]] : []
    const middle = firstWithBit((at) => points[at]!, { low, high, bit })
    return [...split(low, middle, bit + 1), ...split(middle, high, bit + 1)]
  }
  return split(0, points.length, 0)
}

export function hasBit(point: Uint8Array, bit: number): boolean {
  return ((point[bit >> 3]! >> (7 - (bit & 7))) & 1) === 1
}

/** The first from `low` on whose point has the bit; all of them agree in the bits before it. */
function firstWithBit(
  pointAt: (at: number) => Uint8Array,
  { low, high, bit }: { readonly low: number; readonly high: number; readonly bit: number },
): number {
  let [from, to] = [low, high]
  while (from < to) {
    const middle = (from + to) >> 1
    if (hasBit(pointAt(middle), bit)) to = middle
    else from = middle + 1
  }
  return from
}
