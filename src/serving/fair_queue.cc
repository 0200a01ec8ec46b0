#include "serving/fair_queue.h"

#include <tuple>

namespace kandinsky::serving {

void FairQueue::add(Id request, const std::string& client, int pictures) {
  requests_.emplace(request, Entry{client, pictures, 0});
  ++clients_[client].requests;
  left_ += pictures;
}

std::optional<FairQueue::Id> FairQueue::next() {
  auto best = requests_.end();
  std::tuple<int, std::uint64_t, int> lowest;
  for (auto at = requests_.begin(); at != requests_.end(); ++at) {
    if (at->second.left == 0) continue;
    const Client& client = clients_.at(at->second.client);
    const std::tuple rank(client.active, client.served, at->second.active);
    if (best != requests_.end() && rank >= lowest) continue;
    best = at;
    lowest = rank;
  }
  if (best == requests_.end()) return std::nullopt;
  Entry& entry = best->second;
  Client& client = clients_.at(entry.client);
  --entry.left;
  --left_;
  ++entry.active;
  ++client.active;
  client.served = ++turn_;
  return best->first;
}

void FairQueue::leave(Id request) {
  const auto at = requests_.find(request);
  --at->second.active;
  --clients_.at(at->second.client).active;
  forget_if_over(at);
}

void FairQueue::drop(Id request) {
  const auto at = requests_.find(request);
  if (at == requests_.end()) return;
  left_ -= at->second.left;
  at->second.left = 0;
  forget_if_over(at);
}

void FairQueue::forget_if_over(std::map<Id, Entry>::iterator request) {
  if (request->second.left > 0 || request->second.active > 0) return;
  const auto client = clients_.find(request->second.client);
  if (--client->second.requests == 0) clients_.erase(client);
  requests_.erase(request);
}

}  // namespace kandinsky::serving
