/** The rows of every workload with peers: Colloquy against each of them. */
import type { Samples } from '../samples.ts'
import type { Row } from '../workload.ts'

/** Colloquy as a multiple of the floor, and the peers as multiples of Colloquy. */
export function againstPeers(
  workload: string,
  what: string,
  figure: string,
  samples: Samples,
): readonly Row[] {
  const floor: Row = {
    target: `${workload}.floor`,
    title: `${what}, against F1`,
    unit: '× F1',
    measured: samples.ratio('colloquy', 'floor', figure),
  }
  const peers = ['ai-sdk', 'openai-node', 'langchain', 'tanstack', 'pi-ai']
    .filter((peer) => samples.labels.includes(peer))
    .map((peer): Row => ({
      target: `${workload}.${peer}`,
      title: `${what}, ${peer} against ours`,
      unit: '× ours',
      measured: samples.ratio(peer, 'colloquy', figure),
    }))
  return [floor, ...peers]
}
