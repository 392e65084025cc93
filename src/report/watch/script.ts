/** Time between two looks, in milliseconds. */
const EVERY_MS = 2000;

/** Asks for the state of what the page shows, tells it, and loads the page anew where there is more to draw. */
export const LIVE_SCRIPT = String.raw`
'use strict';
(() => {
  const status = document.querySelector('#status');
  const pause = document.querySelector('#pause');
  let isPaused = false;
  pause.addEventListener('click', () => {
    isPaused = !isPaused;
    pause.setAttribute('aria-pressed', String(isPaused));
    pause.textContent = isPaused ? 'Go on' : 'Pause';
  });
  const look = async () => {
    try {
      if (!isPaused && !document.hidden) {
        const response = await fetch('/state' + location.search, { cache: 'no-store' });
        const { version, text } = await response.json();
        if (isPaused) return;
        if (version !== status.dataset.version) location.reload();
        else if (status.textContent !== text) status.textContent = text;
      }
    } catch {
      status.textContent = 'The command that serves this page has ended.';
    } finally {
      setTimeout(look, ${EVERY_MS});
    }
  };
  setTimeout(look, ${EVERY_MS});
})();
`.trim();
