/**
 * Adds up vitest's JSON reports, names the failed tests, and ends with one line: `N passed, N
 * failed, N skipped`.
 *
 * Fails when a test failed, when a report is missing or empty, and when a test was skipped that
 * should have run: only the recordings may, and only where they are not there.
 */
import { existsSync, readFileSync } from 'node:fs'

const RECORDINGS = 'test/transport/recordings.test.ts'
const recordingsAreThere = existsSync(process.env.COLLOQUY_RECORDINGS ?? '')

const counts = { passed: 0, failed: 0, skipped: 0 }
const complaints = []
let recordings = 0

/** The beginning of what vitest said of a failed test. The whole of it stands in the log above. */
function firstLines({ failureMessages }) {
  return (failureMessages ?? []).join('\n').split('\n').slice(0, 12).join('\n')
}

for (const report of process.argv.slice(2)) {
  const { testResults = [] } = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {}
  if (testResults.length === 0) {
    counts.failed++
    complaints.push(`no tests in ${report}`)
  }
  for (const { name, status, message, assertionResults } of testResults) {
    const inRecordings = name.endsWith(RECORDINGS)
    // A file that could not be loaded has no tests, but is no success.
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) {
      counts.failed++
      complaints.push(`${name}: ${message}`)
    }
    for (const test of assertionResults) {
      const { status: outcome, fullName } = test
      if (outcome === 'passed' || outcome === 'failed') {
        counts[outcome]++
        if (outcome === 'failed') complaints.push(`failed: ${name}: ${fullName}\n${firstLines(test)}`)
      } else {
        counts.skipped++
        if (!inRecordings || recordingsAreThere) complaints.push(`skipped: ${name}: ${fullName}`)
      }
      if (inRecordings && outcome === 'passed') recordings++
    }
  }
}

if (recordingsAreThere && recordings === 0) complaints.push('the recordings are there, and none ran')
console.log(recordings > 0 ? `recordings: ${recordings} tests ran` : 'recordings: not run')
for (const complaint of complaints) console.log(complaint)
const { passed, failed, skipped } = counts
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed > 0 || complaints.length > 0 ? 1 : 0
