/**
 * What `npm start` starts: the chat page, or the terminal chat if the command line says anything.
 *
 *   npm start                        the chat page
 *   npm start -- "tell me a story"   print one streamed reply and exit
 */
await(process.argv.length > 2 ? import('./chat.ts') : import('./web.ts'))
