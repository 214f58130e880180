/** Who this node is in the DHT: a key of its own, made once and kept with the zones. It never signs a zone. */
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { type Datastore, Key } from 'interface-datastore'

const IDENTITY = new Key('/identity')

export async function loadIdentity(datastore: Datastore): Promise<PrivateKey> {
  if (await datastore.has(IDENTITY)) return privateKeyFromProtobuf(await datastore.get(IDENTITY))
  const identity = await generateKeyPair('Ed25519')
  await datastore.put(IDENTITY, privateKeyToProtobuf(identity))
  return identity
}
