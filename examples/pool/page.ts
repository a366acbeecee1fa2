/**
 * The page that shows items flow through the pool.
 * @module
 */

/** It follows /flow, and nothing from elsewhere. */
export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>pool</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
  ol { display: flex; gap: 1rem; padding: 0; list-style: none }
  ol li { flex: 1; padding: 1rem; border: 1px solid #ccc; border-radius: .5rem }
  output { display: block; font-size: 2rem; font-variant-numeric: tabular-nums }
  table { width: 100%; border-collapse: collapse }
  td, th { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid #eee; font-variant-numeric: tabular-nums }
  button { font: inherit; padding: .25rem 1rem }
  @media (prefers-color-scheme: dark) { body { color: #ddd; background: #111 } ol li { border-color: #444 } td, th { border-color: #333 } }
</style>
<h1>pool</h1>
<p>Small items are merged by the dust collector, whole ones matched by swap, signed by signer, and committed.</p>
<ol>
  <li>open <output id="open">0</output></li>
  <li>merged <output id="merged">0</output></li>
  <li>committed <output id="committed">0</output></li>
</ol>
<p><button id="submit">Submit ten items</button> <span id="state" role="status">connecting</span></p>
<table><thead><tr><th>item</th><th>what happened</th></tr></thead><tbody id="flow"></tbody></table>
<script>
  const show = (counts) => { for (const [name, count] of Object.entries(counts)) document.getElementById(name).textContent = count };
  const flow = new EventSource("/flow");
  flow.onopen = () => document.getElementById("state").textContent = "live";
  flow.onerror = () => document.getElementById("state").textContent = "connecting";
  flow.addEventListener("counts", ({ data }) => show(JSON.parse(data)));
  flow.addEventListener("item", ({ data }) => {
    const { id, topic, counts } = JSON.parse(data);
    const row = document.createElement("tr");
    for (const text of [id, topic.replace("item.", "")]) row.appendChild(document.createElement("td")).textContent = text;
    const rows = document.getElementById("flow");
    rows.prepend(row);
    while (rows.childElementCount > 50) rows.lastElementChild.remove();
    show(counts);
  });
  document.getElementById("submit").onclick = () => {
    const items = Array.from({ length: 10 }, (_, index) => ({ id: "page-" + crypto.randomUUID(), amount: 1 + index * 3 }));
    fetch("/items", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(items) });
  };
</script>
</html>
`;
