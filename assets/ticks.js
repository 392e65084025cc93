// Ticks images by mouse or keyboard, keeps them in the browser, and saves them as CSV. A test's images come in batches, and some of them a
// second time. The page's policy names the script by its hash.
'use strict';
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const root = document.querySelector('[data-key]');
  const { key, file } = root.dataset;
  const name = document.querySelector('#name');
  const count = document.querySelector('#count');

  // A browser may forbid a page to keep anything.
  const kept = (() => {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? {};
    } catch {
      return {};
    }
  })();
  const keep = () => {
    try {
      localStorage.setItem(key, JSON.stringify(kept));
    } catch {
      // The ticks last as long as the page.
    }
  };
  const cell = (text) => {
    const safe = /^'*[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const save = (lines) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([`${lines.join('\n')}\n`], { type: 'text/csv' }));
    link.download = file;
    link.click();
  };

  // Arrow keys go through a grid as it is laid out; the browser ticks by space.
  document.addEventListener('keydown', (event) => {
    const box = document.activeElement;
    if (!box?.matches('.tick input')) return;
    const boxes = all('.tick input', box.closest('.ticks'));
    const at = boxes.indexOf(box);
    const top = boxes[0].parentElement.offsetTop;
    const columns = boxes.filter((one) => one.parentElement.offsetTop === top).length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    boxes[at + step]?.focus();
  });

  const boxes = all('.tick input');
  const changed = () => {
    count.textContent = `${boxes.filter((box) => box.checked).length} ticked`;
    keep();
  };
  for (const box of boxes) {
    box.checked = kept[box.dataset.path] === 1;
    box.addEventListener('change', () => {
      kept[box.dataset.path] = Number(box.checked);
      changed();
    });
  }
  changed();

  if (root.dataset.batches === undefined) {
    name.value = kept['#name'] ?? '';
    name.addEventListener('input', () => {
      kept['#name'] = name.value;
      keep();
    });
    document.querySelector('#save').addEventListener('click', () => {
      const lines = boxes.map((box) =>
        [box.dataset.path, box.dataset.class, Number(box.checked), name.value].map(String).map(cell).join(),
      );
      save(['path,class,ticked,name', ...lines]);
    });
    return;
  }

  // A test: batch after batch, until enough images are ticked; then the second look.
  const { enough, test } = root.dataset;
  const batches = all('.batch');
  const next = document.querySelector('#next');
  const again = document.querySelector('#again');
  let at = 0;
  const first = new Map();
  const show = () => {
    for (const [i, batch] of batches.entries()) batch.hidden = i !== at;
    all('.tick input', batches[at])[0]?.focus();
    next.textContent = `Done with ${at + 1} of at most ${batches.length} batches`;
  };
  const secondLook = () => {
    const ticked = [...first.keys()].filter((box) => box.checked);
    const others = [...first.keys()].filter((box) => !box.checked);
    const draw = (from) => from.splice(crypto.getRandomValues(new Uint32Array(1))[0] % from.length, 1)[0];
    const seen = [...ticked];
    while (others.length > 0 && seen.length < 2 * ticked.length) seen.push(draw(others));
    const grid = document.querySelector('#again .ticks');
    while (seen.length > 0) {
      const own = draw(seen);
      const label = own.parentElement.cloneNode(true);
      const box = label.querySelector('input');
      box.checked = false;
      box.dataset.path = own.dataset.path;
      grid.append(label);
    }
    for (const batch of batches) batch.hidden = true;
    next.hidden = true;
    again.hidden = false;
  };
  next.addEventListener('click', () => {
    for (const box of all('.tick input', batches[at])) first.set(box, box.checked);
    const ticked = [...first.keys()].filter((box) => box.checked).length;
    if (ticked >= Number(enough) || at + 1 === batches.length) secondLook();
    else {
      at += 1;
      show();
    }
    scrollTo(0, 0);
  });
  document.querySelector('#save').addEventListener('click', () => {
    const second = new Map(all('#again .tick input').map((box) => [box.dataset.path, Number(box.checked)]));
    const lines = [...first].map(([{ dataset }, ticked]) =>
      [dataset.path, Number(ticked), second.get(dataset.path) ?? '', test].join(),
    );
    save(['image,ticked,again,test', ...lines]);
  });
  show();
})();
