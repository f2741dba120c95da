/** The HTML document, the same for every address of the page, and its icon. */
import type { Theme } from './theme-cookie.ts'

/**
 * Scripts, styles and requests of this server only. `trusted-types dompurify`: no text becomes HTML
 * but by way of DOMPurify.
 */
export const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types dompurify',
].join('; ')

/** @param theme - what was chosen by the switch; absent: the theme of the system */
export function documentHtml(theme: Theme | undefined): string {
  const chosen = theme === undefined ? '' : ` data-theme="${theme}"`
  return `<!doctype html>
<html lang="en"${chosen}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<title>Colloquy</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
<script type="module" src="/page.js"></script>
</head>
<body>
<noscript>This page needs JavaScript.</noscript>
</body>
</html>
`
}

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#4f5bd5"/><path d="M9 10.5h14M9 16h10" stroke="#fff" stroke-width="2.6" stroke-linecap="round"/><path d="M9 21.5h5" stroke="#aeb6ff" stroke-width="2.6" stroke-linecap="round"/></svg>`
