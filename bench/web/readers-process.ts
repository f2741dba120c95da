/** A process of readers, so that their work is in no figure: sockets that count bytes and look for marks. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Order, Told } from './web-readers.ts'

const AT_ONCE = 250
const JOINED = 'event: state'
const ENDS = ['event: turn.done', '[DONE]']

const sockets = new Set<Socket>()
let bytes = 0
let joined = 0
let ended = 0
let wake: () => void = () => undefined

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => (wake = resolve))
}

async function open(port: number, request: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  sockets.add(socket)
  let tail = ''
  let hasJoined = false
  socket.on('error', () => undefined)
  socket.on('close', () => sockets.delete(socket))
  socket.on('data', (piece) => {
    bytes += piece.length
    const text = tail + piece.toString('latin1')
    if (!hasJoined && text.includes(JOINED)) {
      hasJoined = true
      joined += 1
    }
    if (ENDS.some((mark) => text.includes(mark))) {
      ended += 1
      tail = ''
    } else tail = text.slice(-20)
    wake()
  })
  await once(socket, 'connect')
  socket.write(request)
}

async function obey(order: Order): Promise<Told> {
  if (order.type === 'open') {
    const { port, requests } = order
    const wanted = joined + requests.length
    for (let n = 0; n < requests.length; n += AT_ONCE) {
      const some = requests.slice(n, n + AT_ONCE)
      const before = joined
      await Promise.all(some.map((each) => open(port, each)))
      await until(() => joined === before + some.length)
    }
    await until(() => joined === wanted)
  } else if (order.type === 'ask') {
    // One after the other: each waits for the end of the one before.
    for (const request of order.requests) {
      const before = ended
      await open(order.port, request)
      await until(() => ended > before)
    }
  } else if (order.type === 'ended') await until(() => ended >= order.count)
  else {
    const closed = [...sockets].map((socket) => once(socket, 'close'))
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
  }
  return { bytes }
}

process.on('message', (order: Order) => {
  if (order.type === 'ended' || order.type === 'leave') {
    void obey(order).then((told) => process.send?.(told))
    return
  }
  bytes = 0
  ended = 0
  void obey(order).then((told) => process.send?.(told))
})
