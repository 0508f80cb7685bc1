#include "app/serve.h"
#include "cli/cli.h"
#include "tools/backup_file.h"
#include "tools/backup_restore.h"
#include "tools/data_check.h"
#include "tools/data_repair.h"

// jemalloc reads its settings from this symbol; without jemalloc (sanitizer builds) nobody does.
// Payloads come in bursts and leave at the next checkpoint: glibc kept what they had taken,
// jemalloc gives it back after some seconds, from a thread of its own. Until then it is used again:
// the last two settings let small things take the place of large ones, and large ones that of
// their like. Without them a checkpoint had nearly all of its memory from the system anew, a page
// fault for each third task.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf =
    "background_thread:true,dirty_decay_ms:3000,muzzy_decay_ms:0,lg_extent_max_active_fit:20,"
    "oversize_threshold:0";
}

int main(int argc, char** argv) {
  return treadle::cli::RunCli(argc, argv, treadle::app::Serve,
                              {.check = treadle::tools::CheckData,
                               .repair = treadle::tools::RepairData,
                               .verify_backup = treadle::tools::VerifyBackup,
                               .restore_backup = treadle::tools::RestoreBackup});
}
