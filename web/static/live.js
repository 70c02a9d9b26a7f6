// Looks again when the server says that something has changed. Without it the pages work, but stand still.
"use strict";
(() => {
  const main = document.querySelector("main[data-live]");
  const status = document.getElementById("status");
  if (!main || !window.EventSource) return;

  const PAUSE = 400; // ms: a flush often changes several things at once
  const EVERY = 60_000; // ms: the time that is left goes on without events
  let timer = null;
  let loading = false;
  let again = false;

  function say(text, kind) {
    status.hidden = false;
    if (status.textContent !== text) status.textContent = text;
    status.className = "status " + kind;
  }

  function soon() {
    if (timer === null) timer = setTimeout(() => { timer = null; look(); }, PAUSE);
  }

  async function look() {
    if (loading) { again = true; return; }
    loading = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("live");
      if (!fresh) throw new Error("no content");
      swap(document.getElementById("live"), fresh);
      document.title = page.title;
      say("实时 · " + fresh.dataset.now.slice(-5) + " 已更新", "on");
    } catch {
      say("暂时没有更新，正在重试", "off");
    } finally {
      loading = false;
      if (again) { again = false; soon(); }
    }
  }

  // Puts the new content in place of the old, with what the reader had opened still open.
  function swap(old, fresh) {
    const open = new Map([...old.querySelectorAll("details[id]")].map((d) => [d.id, d.open]));
    const known = new Set([...old.querySelectorAll("[id]")].map((e) => e.id));
    const focused = document.activeElement;
    const path = old.contains(focused) ? where(old, focused) : null;
    for (const d of fresh.querySelectorAll("details[id]")) if (open.has(d.id)) d.open = open.get(d.id);
    for (const e of fresh.querySelectorAll(".entry[id], tr[id]")) if (!known.has(e.id)) e.classList.add("fresh");
    old.replaceChildren(...fresh.childNodes);
    old.dataset.now = fresh.dataset.now;
    if (path) find(old, path)?.focus({ preventScroll: true });
  }

  // A focused link or fold is found again by its address or by the id of its fold.
  function where(root, element) {
    if (element.tagName === "SUMMARY") return { fold: element.parentElement.id };
    return { href: element.getAttribute("href") };
  }
  function find(root, path) {
    if (path.fold) return root.querySelector("#" + CSS.escape(path.fold) + " > summary");
    return path.href ? root.querySelector(`a[href="${CSS.escape(path.href)}"]`) : null;
  }

  const source = new EventSource(main.dataset.live);
  source.addEventListener("hello", soon); // something may have changed before we listened
  source.addEventListener("changed", soon);
  source.addEventListener("error", () => say("连接中断，正在重连", "off"));
  setInterval(() => { if (!document.hidden) look(); }, EVERY);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
})();
