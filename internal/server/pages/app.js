"use strict";
// What a browser adds: times as people say them, lists that follow what is typed,
// a question before what can't be undone, and runs and requests that show how far
// they are. All pages work without it.
(function () {
  var units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  var words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

  function ago(time) {
    var seconds = (new Date(time.dateTime) - Date.now()) / 1000;
    var unit = units.find(function (u) { return Math.abs(seconds) >= u[1] * (u[0] === "day" ? 2 : 1); });
    if (!time.title) time.title = time.textContent;
    time.textContent = unit ? words.format(Math.trunc(seconds / unit[1]), unit[0]) : "just now";
  }

  function times(root) { root.querySelectorAll("time[data-ago]").forEach(ago); }

  times(document);
  setInterval(function () { times(document); }, 60000);

  document.addEventListener("submit", function (event) {
    var question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // A list follows its filters. What comes too late is left out.
  document.querySelectorAll("form[data-live]").forEach(function (form) {
    var timer, turn = 0;

    function query() {
      var data = new URLSearchParams(new FormData(form));
      Array.from(data.keys()).forEach(function (key) { if (!data.get(key)) data.delete(key); });
      var text = data.toString();
      return form.getAttribute("action") + (text ? "?" + text : "");
    }

    function follow() {
      var mine = ++turn, address = query(), results = document.getElementById("results");
      results.setAttribute("aria-busy", "true");
      fetch(address, { headers: { Accept: "text/html" } }).then(function (answer) {
        if (!answer.ok || answer.redirected) throw new Error(answer.status);
        return answer.text();
      }).then(function (text) {
        var fresh = new DOMParser().parseFromString(text, "text/html").getElementById("results");
        if (mine !== turn || !fresh) return;
        times(fresh);
        results.replaceWith(document.adoptNode(fresh));
        history.replaceState(null, "", address);
      }).catch(function () { if (mine === turn) form.submit(); });
    }

    form.addEventListener("input", function () {
      clearTimeout(timer);
      timer = setTimeout(follow, 250);
    });
  });

  // A page that awaits another state is loaded again when that has come.
  document.querySelectorAll("[data-awaits]").forEach(function () {
    function state(root) { return root.querySelector("[data-awaits] .marks")?.textContent; }
    var now = state(document);
    function look() {
      fetch(location.href, { headers: { Accept: "text/html" } }).then(function (answer) {
        if (!answer.ok || answer.redirected) throw new Error(answer.status);
        return answer.text();
      }).then(function (text) {
        if (state(new DOMParser().parseFromString(text, "text/html")) !== now) location.reload();
        else setTimeout(look, 3000);
      }).catch(function () { setTimeout(look, 15000); });
    }
    setTimeout(look, 3000);
  });

  // A run tells how far it is, until it is over.
  var run = document.querySelector("[data-events]");
  if (!run || !window.EventSource) return;
  var live = document.getElementById("live"), source = new EventSource(run.dataset.events);

  function badge(word) {
    var mark = document.createElement("span");
    mark.className = "badge is-" + word;
    mark.textContent = word;
    return mark;
  }

  function count(word, n) {
    var item = document.createElement("li"), spot = document.createElement("span"), number = document.createElement("strong");
    item.className = "is-" + word;
    spot.className = "spot";
    spot.setAttribute("aria-hidden", "true");
    number.textContent = n;
    item.append(spot, number, " " + word);
    return item;
  }

  function stack(id, news) {
    var row = document.querySelector('[data-stack="' + CSS.escape(id) + '"]');
    if (!row) return false;
    row.querySelector('[data-cell="badge"]').replaceChildren(badge(news.badge));
    row.querySelector('[data-cell="took"]').textContent = news.took || "";
    row.querySelector('[data-cell="note"]').textContent = news.note || "";
    return true;
  }

  live.textContent = "This page follows the run.";
  source.addEventListener("progress", function (event) {
    var now = JSON.parse(event.data);
    var known = Object.keys(now.stacks || {}).map(function (id) { return stack(id, now.stacks[id]); });
    if (known.length && !document.querySelector("[data-stack]")) location.reload(); // its stacks were found meanwhile
    document.getElementById("progress").value = now.total ? 100 * now.done / now.total : 0;
    document.getElementById("progress-words").textContent = now.words;
    document.getElementById("counts").replaceChildren.apply(document.getElementById("counts"),
      Object.keys(now.counts).sort().map(function (word) { return count(word, now.counts[word]); }));
  });
  source.addEventListener("end", function () {
    source.close();
    location.reload();
  });
  source.addEventListener("error", function () {
    live.textContent = source.readyState === EventSource.CLOSED
      ? "This page does not follow the run any more. Load it again to see how far it is."
      : "The connection is interrupted; it is made again.";
  });
})();
