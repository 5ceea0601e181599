// Products of a row that wait for its adder (the PE FIFO): a slot a column. Up to two come in a
// cycle, one over each chain; the adder takes one, in the order of windows and columns. A slot is
// free again before the next window's product of its column comes, so that the spikes on the row say
// which slots to write and no order needs to be kept. A product that is taken as it comes is not
// stored. Signs are those of the window, and are set when the product is taken.
module waiting_products #(
    parameter W = 8
) (
    input         clk,
    input         reset,
    input [W-1:0] spikes_current,   // columns that let a product of the running window onto the row
    input [W-1:0] spikes_previous,  // columns that let one of the window before
    input [15:0]  value_current,
    input [15:0]  value_previous,
    input [2:0]   next,             // the column whose product the adder takes next
    output        ready,            // it has come; it is taken in this cycle
    output [15:0] value
);
    reg [W-1:0]  full;
    reg [15:0]   slots [0:W-1];
    wire [7:0]   full_of_8 = {{8 - W{1'b0}}, full};
    wire [7:0]   current_of_8 = {{8 - W{1'b0}}, spikes_current};
    wire [7:0]   previous_of_8 = {{8 - W{1'b0}}, spikes_previous};
    wire         waited = full_of_8[next];

    assign ready = waited | current_of_8[next] | previous_of_8[next];
    assign value = waited ? slots[next]
        : previous_of_8[next] ? value_previous
        : value_current;

    genvar j;
    generate
        for (j = 0; j < W; j = j + 1) begin : slot
            wire taken = ready & next == j;
            wire stored = (spikes_current[j] | spikes_previous[j]) & ~taken;
            always @(posedge clk) begin
                full[j] <= ~reset & (stored | full[j] & ~taken);
                if (stored) slots[j] <= spikes_previous[j] ? value_previous : value_current;
            end
        end
    endgenerate
endmodule
