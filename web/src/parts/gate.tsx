// What somebody sees who is not let in (yet).

export function Gate({ why }: { why: string | null }) {
  return (
    <main class="gate">
      <img src="/mark.svg" alt="" width="56" height="56" />
      <h1>hiwm console</h1>
      {why === null ? (
        <p role="status">Opening …</p>
      ) : (
        <>
          <p role="alert">{why}</p>
          <p class="muted">
            Open the link that <code>hiwm serve</code> printed, or ask whoever runs the collection for one of your own.
          </p>
          <button type="button" class="button" onClick={() => location.reload()}>
            Try again
          </button>
        </>
      )}
    </main>
  );
}
