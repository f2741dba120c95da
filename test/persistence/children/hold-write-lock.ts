/** A foreign process in the middle of a write. It commits after that many milliseconds. */
import Database from 'better-sqlite3'

const [file, ms] = process.argv.slice(2)
const database = new Database(file)
database.exec('begin immediate')
process.send?.('locked')
setTimeout(() => {
  database.exec('commit')
  database.close()
  process.disconnect()
}, Number(ms))
